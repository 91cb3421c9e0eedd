/* SPDX-License-Identifier: MIT */
/* blkexplain_words.c - topics, reasons and drivers in words; blkexplain.h. */
#include "blkexplain.h"

#include <stddef.h>

enum { NODES_MAX = 6 };                 /* of a topic on one side, and a NULL */

const char *const pvb_blk_said_back_names[] = {
	"frontend", "frontend-id", "state", "online", "params", "type",
	"script", "mode", "dev", "virtual-device", "device-type", "removable",
	"bootable", "direct-io-safe", "discard-enable", "specification",
	"physical-device", "physical-device-path", "hotplug-status",
	"hotplug-error", "node", "vnd", "kthread-pid", "polling-duration",
	"polling-idle-threshold", "pvb-sector-units",
	NULL
};

const char *const pvb_blk_said_front_names[] = {
	"backend", "backend-id", "state", "virtual-device",
	"virtual-device-ext", "device-type", "trusted", "pvb-holder",
	"target-id", "feature-surprise-remove", "feature-online-resize",
	NULL
};

/* ---- topics -------------------------------------------------------------- */

#define BLOCKS_NODES \
	{ "max-request-segments", "max-requests", "max-request-size" }

static const struct topic {
	const char *key, *title, *unit;
	const char *back[NODES_MAX], *front[NODES_MAX];
} topics[] = {
	[PVB_BLK_TOPIC_ABI] = { "abi", "layout", NULL,
		{ NULL }, { "protocol" } },
	[PVB_BLK_TOPIC_RING_PAGES] = { "ring_pages", "ring size", "page",
		{ "max-ring-page-order", "max-ring-pages" },
		{ "ring-page-order", "num-ring-pages", "ring-pages" } },
	[PVB_BLK_TOPIC_QUEUES] = { "queues", "queues", "queue",
		{ "multi-queue-max-queues" }, { "multi-queue-num-queues" } },
	[PVB_BLK_TOPIC_RINGS] = { "ring_grants", "rings and ports", "grant",
		{ NULL }, { "event-channel", "ring-ref" } },
	[PVB_BLK_TOPIC_INDIRECT] = { "indirect_segments", "indirect requests",
		"segment", { "feature-max-indirect-segments" }, { NULL } },
	[PVB_BLK_TOPIC_BLOCKS] = { "block_segments", "segment blocks",
		"segment", BLOCKS_NODES, BLOCKS_NODES },
	[PVB_BLK_TOPIC_PERSISTENT] = { "persistent", "persistent grants", NULL,
		{ "feature-persistent" }, { "feature-persistent" } },
	[PVB_BLK_TOPIC_FLUSH] = { "flush", "flush", NULL,
		{ "feature-flush-cache" }, { NULL } },
	[PVB_BLK_TOPIC_BARRIER] = { "barrier", "write barrier", NULL,
		{ "feature-barrier" }, { NULL } },
	[PVB_BLK_TOPIC_DISCARD] = { "discard", "discard", NULL,
		{ "feature-discard", "discard-granularity", "discard-alignment",
		  "discard-aligment", "discard-enable" }, { NULL } },
	[PVB_BLK_TOPIC_SECURE] = { "discard_secure", "secure discard", NULL,
		{ "discard-secure" }, { NULL } },
	[PVB_BLK_TOPIC_SECTOR_SIZE] = { "sector_size", "sector size", "byte",
		{ "sector-size" }, { NULL } },
	[PVB_BLK_TOPIC_PHYSICAL_SIZE] = { "physical_sector_size",
		"physical sector size", "byte",
		{ "physical-sector-size" }, { NULL } },
	[PVB_BLK_TOPIC_UNITS] = { "sector_units", "sector units", NULL,
		{ "pvb-sector-units" }, { "feature-large-sector-size" } },
	[PVB_BLK_TOPIC_SECTORS] = { "sectors", "size", "sector",
		{ "sectors" }, { NULL } },
	[PVB_BLK_TOPIC_READ_ONLY] = { "readonly", "read-only", NULL,
		{ "info", "mode" }, { NULL } },
	[PVB_BLK_TOPIC_MEDIUM] = { "medium", "medium", NULL,
		{ "device-type", "removable" }, { "device-type" } },
};

_Static_assert(sizeof(topics) / sizeof(*topics) == PVB_BLK_TOPIC_COUNT,
	       "every topic has words");

const char *pvb_blk_topic_key(enum pvb_blk_topic t)
{
	return topics[t].key;
}

const char *pvb_blk_topic_title(enum pvb_blk_topic t)
{
	return topics[t].title;
}

const char *pvb_blk_topic_unit(enum pvb_blk_topic t)
{
	return topics[t].unit;
}

const char *pvb_blk_topic_back_node(enum pvb_blk_topic t, uint32_t i)
{
	return i < NODES_MAX ? topics[t].back[i] : NULL;
}

const char *pvb_blk_topic_front_node(enum pvb_blk_topic t, uint32_t i)
{
	return i < NODES_MAX ? topics[t].front[i] : NULL;
}

static const char *medium_name(uint64_t medium)
{
	return medium == PVB_BLK_MEDIUM_CDROM	    ? "cdrom"
	       : medium == PVB_BLK_MEDIUM_REMOVABLE ? "removable"
						    : "fixed";
}

const char *pvb_blk_topic_value_name(enum pvb_blk_topic t, uint64_t value)
{
	switch (t) {
	case PVB_BLK_TOPIC_ABI:
		return pvb_abi_name((enum pvb_abi)value);
	case PVB_BLK_TOPIC_UNITS:
		return pvb_blk_units_name((enum pvb_blk_units)value);
	case PVB_BLK_TOPIC_MEDIUM:
		return medium_name(value);
	default:
		return NULL;
	}
}

/* ---- reasons ------------------------------------------------------------- */

static const struct words { const char *name, *text; } reasons[] = {
	[PVB_BLK_BACK_SILENT] = { "back-silent",
		"the backend has not said it" },
	[PVB_BLK_FRONT_SILENT] = { "front-silent",
		"the frontend has not said it" },
	[PVB_BLK_REFUSED] = { "refused", "pvb refuses it" },
	[PVB_BLK_HANGS] = { "hangs",
		"hangs on what is refused elsewhere" },
	[PVB_BLK_BEYOND_PVB] = { "beyond-pvb",
		"more than pvb knows, so it has not looked" },
	[PVB_BLK_BACK_SAYS] = { "back-says", "the backend says so" },
	[PVB_BLK_FRONT_SAYS] = { "front-says", "the frontend says so" },
	[PVB_BLK_DEFAULT] = { "default",
		"the backend says nothing: the default" },
	[PVB_BLK_ABI_OF_FIELD] = { "abi-of-field",
		"no protocol: what most backends take that for" },
	[PVB_BLK_ABI_OF_MACHINE] = { "abi-of-machine",
		"no protocol: such a backend takes its own machine's" },
	[PVB_BLK_ONE_PAGE] = { "one-page",
		"the frontend gives no size: one page" },
	[PVB_BLK_ONE_QUEUE] = { "one-queue",
		"the frontend gives no number: one" },
	[PVB_BLK_ALL_OFFERED] = { "all-offered", "as much as is offered" },
	[PVB_BLK_LESS_THAN_OFFERED] = { "less-than-offered",
		"the frontend takes less than is offered" },
	[PVB_BLK_NOT_OFFERED] = { "not-offered", "not offered" },
	[PVB_BLK_NOT_ASKED] = { "not-asked",
		"offered, but the frontend does not ask for it" },
	[PVB_BLK_NO_GAIN] = { "no-gain",
		"no more than a plain request has: not used" },
	[PVB_BLK_BLOCKS_INSTEAD] = { "blocks-instead",
		"the frontend has chosen segment blocks" },
	[PVB_BLK_USE_UNKNOWN] = { "use-unknown",
		"offered; a frontend does not tell what it uses" },
	[PVB_BLK_BOTH_SAY] = { "both-say", "both say so" },
	[PVB_BLK_BACK_ALONE] = { "back-alone",
		"the frontend does not say so" },
	[PVB_BLK_FRONT_ALONE] = { "front-alone",
		"the backend does not say so" },
	[PVB_BLK_NEITHER_SAYS] = { "neither-says", "neither says so" },
	[PVB_BLK_FLUSH_FIRST] = { "flush-first",
		"offered, but flush goes before it" },
	[PVB_BLK_INSTEAD_OF_FLUSH] = { "instead-of-flush",
		"offered, and flushes go by it: there is no flush" },
	[PVB_BLK_SWITCHED_OFF] = { "switched-off",
		"the toolstack has switched it off" },
	[PVB_BLK_UNITS_ALIKE] = { "units-alike",
		"at 512 bytes all count alike" },
	[PVB_BLK_UNITS_TOLD] = { "units-told", "the backend was told so" },
	[PVB_BLK_UNITS_OF_DRIVER] = { "units-of-driver",
		"such a backend counts so" },
	[PVB_BLK_UNITS_OF_RULE] = { "units-of-rule",
		"Xen's rule; this backend is not known to break it" },
	[PVB_BLK_EMPTY_DRIVE] = { "empty-drive", "an empty drive" },
};

_Static_assert(sizeof(reasons) / sizeof(*reasons) == PVB_BLK_BECAUSE_COUNT,
	       "every reason has words");

const char *pvb_blk_because_name(enum pvb_blk_because b)
{
	return reasons[b].name;
}

const char *pvb_blk_because_text(enum pvb_blk_because b)
{
	return reasons[b].text;
}

/* ---- oddities ------------------------------------------------------------ */

static const struct words odds[] = {
	[PVB_BLK_ODD_NO_BACK] = { "no-back",
		"there is no backend's directory" },
	[PVB_BLK_ODD_NO_FRONT] = { "no-front",
		"there is no frontend's directory, or it may not be read" },
	[PVB_BLK_ODD_TOOLSTACK] = { "toolstack",
		"the toolstack's own notes name another backend" },
	[PVB_BLK_ODD_BACKEND] = { "backend",
		"is not this device's backend; the guest can write this" },
	[PVB_BLK_ODD_BACKEND_ID] = { "backend-id",
		"is not its backend's domain; the guest can write this" },
	[PVB_BLK_ODD_FRONTEND] = { "frontend",
		"is not this device's frontend" },
	[PVB_BLK_ODD_FRONTEND_ID] = { "frontend-id",
		"another domain is served here" },
	[PVB_BLK_ODD_NUMBER] = { "number",
		"is not this device's number in decimal" },
	[PVB_BLK_ODD_STATE] = { "state",
		"an end's state is missing, or is none" },
	[PVB_BLK_ODD_NOT_TAKEN] = { "not-taken",
		"no backend has begun with it" },
	[PVB_BLK_ODD_BACK_WAITS] = { "back-waits",
		"the backend waits for the frontend" },
	[PVB_BLK_ODD_FRONT_WAITS] = { "front-waits",
		"the frontend waits for the backend: is its disk there?" },
	[PVB_BLK_ODD_BACK_EARLY] = { "back-early",
		"the backend is connected and there is no ring yet, as is "
		"NetBSD's way" },
	[PVB_BLK_ODD_FRONT_LOOKS] = { "front-looks",
		"the backend serves, and the frontend has not said that it "
		"saw it" },
	[PVB_BLK_ODD_CLOSING] = { "closing",
		"one end leaves, or has left" },
	[PVB_BLK_ODD_CLOSED] = { "closed",
		"both have left; other nodes may be of the last connection" },
	[PVB_BLK_ODD_APART] = { "apart",
		"states that do not go together" },
	[PVB_BLK_ODD_OFFLINE] = { "offline",
		"not 1: the device is to go, and does not come back" },
	[PVB_BLK_ODD_HOTPLUG] = { "hotplug",
		"the disk cannot be had" },
	[PVB_BLK_ODD_NO_PROTOCOL] = { "no-protocol",
		"no protocol: backends disagree what layout that is" },
	[PVB_BLK_ODD_OFFERS_DIFFER] = { "offers-differ",
		"differs from max-ring-page-order: the smaller is sure" },
	[PVB_BLK_ODD_OFFER_NOT_POW2] = { "offer-not-pow2",
		"no power of two: rounded down" },
	[PVB_BLK_ODD_ORDER_ZERO] = { "order-zero",
		"one page in so many words: some backends then look for "
		"ring-ref0, others for ring-ref" },
	[PVB_BLK_ODD_ONE_PAGE_SAID] = { "one-page-said",
		"one page in so many words: backends expect nothing here" },
	[PVB_BLK_ODD_PAGE_IN_REF0] = { "page-in-ref0",
		"the one page is here, and there is no ring-ref" },
	[PVB_BLK_ODD_FIRST_IN_REF] = { "first-in-ref",
		"the first of several pages is here, and there is no "
		"ring-ref0" },
	[PVB_BLK_ODD_RING_PAGES] = { "ring-pages",
		"the name of 2012 for num-ring-pages, which is not there" },
	[PVB_BLK_ODD_ONE_QUEUE_SAID] = { "one-queue-said",
		"one queue in so many words, as is Windows' way" },
	[PVB_BLK_ODD_RING_AT_TOP] = { "ring-at-top",
		"there are several queues: this is of an earlier frontend" },
	[PVB_BLK_ODD_BLOCKS] = { "blocks",
		"requests of several slots, which hardly anybody has" },
	[PVB_BLK_ODD_BOTH_LARGE] = { "both-large",
		"offers segment blocks beside indirect requests: the frontend "
		"chooses" },
	[PVB_BLK_ODD_PERSISTENT_BACK] = { "persistent-back",
		"the backend would keep pages mapped, but the frontend does "
		"not use its grants again" },
	[PVB_BLK_ODD_PERSISTENT_FRONT] = { "persistent-front",
		"the frontend uses its grants again, but the backend does not "
		"keep them mapped" },
	[PVB_BLK_ODD_NO_FLUSH] = { "no-flush",
		"neither flush nor barrier: no write is known to be durable" },
	[PVB_BLK_ODD_MISSPELT] = { "misspelt",
		"discard-alignment as headers until 2014 spelt it" },
	[PVB_BLK_ODD_HALF_DISCARD] = { "half-discard",
		"only one of discard-granularity and discard-alignment" },
	[PVB_BLK_ODD_LARGE_SECTORS] = { "large-sectors",
		"deprecated; it counts in whole sectors, as Windows does" },
	[PVB_BLK_ODD_UNITS] = { "units",
		"such a frontend counts sectors otherwise than this backend: "
		"data at risk" },
	[PVB_BLK_ODD_PHYSICAL] = { "physical",
		"the disk ends inside of a physical sector" },
	[PVB_BLK_ODD_MODE] = { "mode",
		"may not be written, but info does not say so" },
	[PVB_BLK_ODD_UNTRUSTED] = { "untrusted",
		"the frontend is told not to trust its backend" },
	[PVB_BLK_ODD_UNKNOWN] = { "unknown",
		"no known driver or toolstack writes it" },
};

_Static_assert(sizeof(odds) / sizeof(*odds) == PVB_BLK_ODD_COUNT,
	       "every oddity has words");

const char *pvb_blk_odd_name(enum pvb_blk_odd o)
{
	return odds[o].name;
}

const char *pvb_blk_odd_text(enum pvb_blk_odd o)
{
	return odds[o].text;
}

/* ---- drivers ------------------------------------------------------------- */

const char *pvb_blk_driver_name(enum pvb_blk_driver d)
{
	static const char *const names[] = {
		[PVB_BLK_BY_UNKNOWN] = "unknown",
		[PVB_BLK_BY_PVB] = "pvb",
		[PVB_BLK_BY_LINUX] = "Linux",
		[PVB_BLK_BY_LINUX_OLD] = "an older Linux",
		[PVB_BLK_BY_LINUX_2006] = "Linux of 2006",
		[PVB_BLK_BY_FREEBSD] = "FreeBSD",
		[PVB_BLK_BY_FREEBSD_2012] = "FreeBSD of 2012",
		[PVB_BLK_BY_NETBSD] = "NetBSD",
		[PVB_BLK_BY_QEMU] = "QEMU",
		[PVB_BLK_BY_TAPDISK] = "tapdisk",
		[PVB_BLK_BY_EC2] = "EC2 or Red Hat",
		[PVB_BLK_BY_WINDOWS] = "Windows",
		[PVB_BLK_BY_MIRAGE] = "Mirage",
		[PVB_BLK_BY_PLAIN] = "Mini-OS, OVMF, GRUB, NetBSD or FreeBSD",
	};

	_Static_assert(sizeof(names) / sizeof(*names) == PVB_BLK_BY_COUNT,
		       "every driver has a name");
	return names[d];
}
