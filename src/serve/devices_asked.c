/* SPDX-License-Identifier: MIT */
#include "devices_parts.h"

void pvb_devices_set(struct pvb_devices *s, uint64_t spin_max_ns,
                     uint32_t deaths_max)
{
	s->c.spin_max_ns = spin_max_ns;
	s->c.deaths_max = deaths_max;
	for (struct entry *n = s->first; n; n = n->next)
		if (n->device)
			pvb_device_set(n->device, spin_max_ns, deaths_max);
}

void pvb_devices_drain(struct pvb_devices *s, pvb_devices_done *done, void *arg)
{
	s->done = done;
	s->done_arg = arg;
	for (struct entry *n = s->first; n; n = n->next) {
		if (n->device)
			pvb_device_stop(n->device, false);
		else
			n->retired = true;
	}
	pvb_loop_defer(s->c.loop, &s->sweep);
}

void pvb_devices_rest(struct pvb_devices *s, pvb_devices_done *done, void *arg)
{
	s->done = done;
	s->done_arg = arg;
	s->resting = true;
	for (struct entry *n = s->first; n; n = n->next)
		if (n->device)
			pvb_device_rest(n->device);
	pvb_loop_defer(s->c.loop, &s->sweep);
}

struct pvb_device *pvb_devices_find(struct pvb_devices *s,
                                    uint16_t front_domid, uint32_t number)
{
	for (struct entry *n = s->first; n; n = n->next)
		if (n->device && n->dev.front_domid == front_domid &&
		    n->dev.number == number)
			return n->device;
	return NULL;
}

struct pvb_device *pvb_devices_next(struct pvb_devices *s,
                                    const struct pvb_device *after)
{
	struct entry *n = s->first;

	while (after && n && n->device != after)
		n = n->next;
	if (after && n)
		n = n->next;
	while (n && !n->device)
		n = n->next;
	return n ? n->device : NULL;
}
