/* SPDX-License-Identifier: MIT */
/*
 * vdev.c - virtual device numbers and names; see vdev.h.
 *
 *   extended    1 << 28 | disk << 8 | partition      disk < 2^20
 *   xvd         202 << 8 | disk << 4 | partition     16 disks
 *   SCSI        major << 8 | disk << 4 | partition   16 disks a major
 *   IDE         major << 8 | disk << 6 | partition   2 disks a major
 *
 * From 2 << 28 on the numbers are reserved.  A disk that the xvd form can hold
 * has that form; the extended form of it is legal, but not what a name gives.
 */
#include "vdev.h"

#include <string.h>

enum {
	MAJOR_XVD       = 202,
	EXTENDED        = 1 << 28,
	RESERVED        = 2 << 28,
	EXTENDED_DISKS  = 1 << 20,
	LINUX_MINORS    = 1 << 20,
	PER_MAJOR_XVD   = 16,
	LETTERS         = 26,
};

/* A prefix of names, with what it can count. */
struct family {
	const char *prefix;
	enum pvb_vdev_scheme scheme;
	uint32_t disks, partitions;     /* in names */
};

static const struct family families[] = {
	{ "xvd", PVB_VDEV_XVD, EXTENDED_DISKS, 256 },
	{ "hd", PVB_VDEV_IDE, 4, 64 },
	{ "sd", PVB_VDEV_SCSI, 256, 16 },
};

/* Majors that hold `each` disks, in the order of the disks.  The first SCSI
   and the first two IDE ones are current, the others deprecated. */
static const uint8_t scsi_majors[] = {
	8, 65, 66, 67, 68, 69, 70, 71, 128, 129, 130, 131, 132, 133, 134, 135,
};
static const uint8_t ide_majors[] = { 3, 22, 33, 34, 56, 57, 88, 89, 90, 91 };

static const struct major_set {
	enum pvb_vdev_scheme scheme;
	const uint8_t *major;
	uint32_t count, each, partition_bits;
} major_sets[] = {
	{ PVB_VDEV_SCSI, scsi_majors, sizeof(scsi_majors), 16, 4 },
	{ PVB_VDEV_IDE, ide_majors, sizeof(ide_majors), 2, 6 },
};

enum { MAJOR_SETS = sizeof(major_sets) / sizeof(major_sets[0]) };

const char *pvb_vdev_why_text(enum pvb_vdev_why why)
{
	static const char *const texts[PVB_VDEV_WHY_COUNT] = {
		[PVB_VDEV_OK] = "a device",
		[PVB_VDEV_SYNTAX] = "neither a device name nor a number",
		[PVB_VDEV_DISK_RANGE] = "no such disk in this numbering",
		[PVB_VDEV_PARTITION_RANGE] =
			"no such partition in this numbering",
		[PVB_VDEV_RESERVED] = "a reserved device number",
		[PVB_VDEV_MAJOR] = "a major number that is no disk's",
	};

	return (unsigned int)why < PVB_VDEV_WHY_COUNT ? texts[why] : "?";
}

const char *pvb_vdev_scheme_name(enum pvb_vdev_scheme s)
{
	static const char *const names[PVB_VDEV_SCHEME_COUNT] = {
		[PVB_VDEV_XVD] = "xvd", [PVB_VDEV_SCSI] = "scsi",
		[PVB_VDEV_IDE] = "ide", [PVB_VDEV_EXTENDED] = "extended",
	};

	return (unsigned int)s < PVB_VDEV_SCHEME_COUNT ? names[s] : "?";
}

/* ---- numbers ------------------------------------------------------------- */

static enum pvb_vdev_why from_major(uint32_t major, uint32_t minor,
                                    struct pvb_vdev *out)
{
	if (major == MAJOR_XVD) {
		out->scheme = PVB_VDEV_XVD;
		out->disk = minor >> 4;
		out->partition = minor & 15;
		return PVB_VDEV_OK;
	}
	for (uint32_t s = 0; s < MAJOR_SETS; s++) {
		const struct major_set *set = &major_sets[s];

		for (uint32_t i = 0; i < set->count; i++) {
			if (set->major[i] != major)
				continue;
			out->scheme = set->scheme;
			out->disk = minor >> set->partition_bits;
			out->partition = minor & ((1U << set->partition_bits) -
						  1);
			if (out->disk >= set->each)
				return PVB_VDEV_DISK_RANGE;
			out->disk += i * set->each;
			return PVB_VDEV_OK;
		}
	}
	return PVB_VDEV_MAJOR;
}

enum pvb_vdev_why pvb_vdev_from_number(uint64_t number, struct pvb_vdev *out)
{
	struct pvb_vdev v = { 0 };
	enum pvb_vdev_why why = PVB_VDEV_OK;

	if (number >= RESERVED)
		return PVB_VDEV_RESERVED;
	v.number = (uint32_t)number;
	if (number >= EXTENDED) {
		v.scheme = PVB_VDEV_EXTENDED;
		v.disk = v.number >> 8 & (EXTENDED_DISKS - 1);
		v.partition = v.number & 255;
	} else {
		why = from_major(v.number >> 8, v.number & 255, &v);
	}
	if (why == PVB_VDEV_OK)
		*out = v;
	return why;
}

/* The canonical number; disk and partition are in the family's range. */
static uint32_t to_number(enum pvb_vdev_scheme scheme, uint32_t disk,
                          uint32_t partition)
{
	for (uint32_t s = 0; s < MAJOR_SETS; s++) {
		const struct major_set *set = &major_sets[s];

		if (set->scheme == scheme)
			return (uint32_t)set->major[disk / set->each] << 8 |
			       disk % set->each << set->partition_bits |
			       partition;
	}
	if (disk < PER_MAJOR_XVD && partition < 16)
		return MAJOR_XVD << 8 | disk << 4 | partition;
	return EXTENDED | disk << 8 | partition;
}

/* ---- names to numbers ---------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int digit_value(char c, bool hex)
{
	if (is_digit(c))
		return c - '0';
	if (hex && c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (hex && c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * Digits from *at on, which moves behind them.  False: there are none, or they
 * begin with a 0 that some would take for octal.  A number that is too large
 * to tell becomes RESERVED, which is too large for anything.
 */
static bool take_number(const char **at, bool hex, uint32_t *out)
{
	const char *first = *at;
	uint64_t n = 0;
	int digit;

	while ((digit = digit_value(**at, hex)) >= 0) {
		n = n * (hex ? 16 : 10) + (uint64_t)digit;
		if (n > RESERVED)
			n = RESERVED;
		(*at)++;
	}
	*out = (uint32_t)n;
	return *at != first && (hex || *first != '0' || *at == first + 1);
}

/* "a" is 0, "z" 25, "aa" 26.  False: no letter. */
static bool take_letters(const char **at, uint32_t *out)
{
	const char *first = *at;
	uint32_t n = 0;

	for (; **at >= 'a' && **at <= 'z'; (*at)++)
		if (n <= EXTENDED_DISKS)
			n = n * LETTERS + (uint32_t)(**at - 'a') + 1;
	*out = n - 1;
	return *at != first;
}

static enum pvb_vdev_why make(const struct family *f, uint32_t disk,
                              uint32_t partition, struct pvb_vdev *out)
{
	if (disk >= f->disks)
		return PVB_VDEV_DISK_RANGE;
	if (partition >= f->partitions)
		return PVB_VDEV_PARTITION_RANGE;
	return pvb_vdev_from_number(to_number(f->scheme, disk, partition),
				    out);
}

/* What follows "xvd", "hd" or "sd". */
static enum pvb_vdev_why parse_letters(const struct family *f, const char *at,
                                       struct pvb_vdev *out)
{
	uint32_t disk, partition = 0;

	if (!take_letters(&at, &disk))
		return PVB_VDEV_SYNTAX;
	/* Partitions count from 1: the whole disk has no digit. */
	if (*at && (*at == '0' || !take_number(&at, false, &partition) || *at))
		return PVB_VDEV_SYNTAX;
	return make(f, disk, partition, out);
}

/* What follows "d": "5", "5p1". */
static enum pvb_vdev_why parse_dp(const char *at, struct pvb_vdev *out)
{
	uint32_t disk, partition = 0;

	if (!take_number(&at, false, &disk))
		return PVB_VDEV_SYNTAX;
	if (*at == 'p') {
		at++;
		if (!take_number(&at, false, &partition))
			return PVB_VDEV_SYNTAX;
	}
	return *at ? PVB_VDEV_SYNTAX : make(&families[0], disk, partition, out);
}

static enum pvb_vdev_why parse_number(const char *at, struct pvb_vdev *out)
{
	bool hex = at[0] == '0' && at[1] == 'x';
	uint32_t number;

	if (hex)
		at += 2;
	if (!take_number(&at, hex, &number) || *at)
		return PVB_VDEV_SYNTAX;
	return pvb_vdev_from_number(number, out);
}

enum pvb_vdev_why pvb_vdev_parse(const char *name, struct pvb_vdev *out)
{
	if (is_digit(name[0]))
		return parse_number(name, out);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		size_t length = strlen(families[i].prefix);

		if (strncmp(name, families[i].prefix, length) == 0)
			return parse_letters(&families[i], name + length, out);
	}
	if (name[0] == 'd')
		return parse_dp(name + 1, out);
	return PVB_VDEV_SYNTAX;
}

/* ---- numbers to names ---------------------------------------------------- */

static char *put_text(char *at, const char *text)
{
	size_t length = strlen(text);

	memcpy(at, text, length + 1);
	return at + length;
}

static char *put_number(char *at, uint32_t n)
{
	char digits[11];
	size_t i = sizeof(digits) - 1;

	digits[i] = 0;
	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	return put_text(at, digits + i);
}

static char *put_letters(char *at, uint32_t disk)
{
	char letters[8];
	size_t i = sizeof(letters) - 1;
	uint32_t n = disk + 1;

	letters[i] = 0;
	for (; n != 0; n = (n - 1) / LETTERS)
		letters[--i] = (char)('a' + (n - 1) % LETTERS);
	return put_text(at, letters + i);
}

static void put_name(char *out, const char *prefix, uint32_t disk,
                     uint32_t partition)
{
	out = put_letters(put_text(out, prefix), disk);
	if (partition != 0)
		put_number(out, partition);
}

void pvb_vdev_name(const struct pvb_vdev *v, char out[PVB_VDEV_NAME_MAX])
{
	const char *prefix = v->scheme == PVB_VDEV_IDE	? "hd"
			     : v->scheme == PVB_VDEV_SCSI ? "sd"
							  : "xvd";

	put_name(out, prefix, v->disk, v->partition);
}

void pvb_vdev_dp_name(const struct pvb_vdev *v, char out[PVB_VDEV_NAME_MAX])
{
	out = put_number(put_text(out, "d"), v->disk);
	put_number(put_text(out, "p"), v->partition);
}

/*
 * Linux shows every disk as xvd.  It gives an IDE disk 16 minors in place of
 * 64, and loses the partition; knows only the current IDE majors; and has 20
 * bits for a minor, which an extended number can exceed.
 */
bool pvb_vdev_linux_name(const struct pvb_vdev *v, char out[PVB_VDEV_NAME_MAX])
{
	bool known = true;

	if (v->scheme == PVB_VDEV_IDE)
		known = v->disk < 4;
	else if (v->scheme == PVB_VDEV_EXTENDED)
		known = (v->disk << 8 | v->partition) < LINUX_MINORS;
	out[0] = 0;
	if (known)
		put_name(out, "xvd", v->disk,
			 v->scheme == PVB_VDEV_IDE ? 0 : v->partition);
	return known;
}
