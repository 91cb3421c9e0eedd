/* SPDX-License-Identifier: MIT */
/*
 * machine.h - a local machine that is being started.
 */
#ifndef PVB_MACHINE_H
#define PVB_MACHINE_H

struct pvb_host;

/* Until its store answers, at most two seconds: a script starts `pvb local`,
   and at once what joins it.  Who opens the store then says what is wrong.  On
   Xen there is nothing to wait for. */
void pvb_machine_wait(const struct pvb_host *h);

#endif
