/* SPDX-License-Identifier: MIT */
/* xen_stub.h - what the stub and the rig agree upon. */
#ifndef PVB_TESTS_XEN_STUB_H
#define PVB_TESTS_XEN_STUB_H

/* Port of virtual interrupt 0; a guest's ports are below. */
enum { XEN_STUB_VIRQ_PORT = 1000000 };

#endif
