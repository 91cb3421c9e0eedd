/* SPDX-License-Identifier: MIT */
/*
 * blkfront_disk_probe.h - what a vbd: URI says, checked against the machine
 * that it names; for the blkfront_disk*.c files alone.
 */
#ifndef PVB_BLKFRONT_DISK_PROBE_H
#define PVB_BLKFRONT_DISK_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "disk/disk.h"
#include "hyp/host.h"

struct vbd_blob {                       /* struct pvb_disk_probe.blob */
	struct pvb_host host;
	uint16_t domid;
	uint32_t number;
	uint8_t  ring_order, queues, bounce, segment_blocks;
	uint8_t  abi;                   /* enum pvb_abi */
	uint8_t  units;                 /* enum pvb_blk_units */
	uint16_t indirect_max;
	uint32_t timeout_s, connect_timeout_s, reconnect_s;
	uint64_t spin_max_ns;
};

int  vbd_probe(struct pvb_uri *uri, uint32_t flags, struct pvb_disk_probe *out,
               struct pvb_err *e);
int  vbd_reopen(const struct pvb_disk_probe *p, int fds[PVB_DISK_FDS_MAX],
                struct pvb_err *e);
int  vbd_reprobe(struct pvb_disk_probe *p, struct pvb_err *e);
/* False: these are not the bytes of one. */
bool vbd_blob_get(const struct pvb_disk_probe *p, struct vbd_blob *out);

#endif
