/* SPDX-License-Identifier: MIT */
#include "device_deaths.h"

static uint32_t fruitless_max(uint32_t max)
{
	return max / 3 > PVB_DEATHS_FRUITLESS_LEAST
	               ? max / 3 : PVB_DEATHS_FRUITLESS_LEAST;
}

/* Time is counted from the first of them: those of a long while ago need not be
   remembered one by one to be forgotten. */
static void forget_old(struct pvb_deaths *d, uint64_t now_ns)
{
	if (now_ns - d->first_ns >
	    PVB_DEATHS_WITHIN_S * UINT64_C(1000000000))
		d->count = d->fruitless = 0;
}

/* In a row; this one may be the first. */
static uint32_t count_fruitless(const struct pvb_deaths *d,
                                const struct pvb_death *death)
{
	if (death->in_flight == 0)
		return 0;
	return death->answered == d->answered ? d->fruitless + 1 : 1;
}

enum pvb_deaths_verdict pvb_deaths_count(struct pvb_deaths *d, uint32_t max,
                                         const struct pvb_death *death)
{
	uint32_t hopeless = fruitless_max(max);

	forget_old(d, death->now_ns);
	if (d->count++ == 0)
		d->first_ns = death->now_ns;
	d->fruitless = count_fruitless(d, death);
	d->answered = death->answered;
	if (d->count >= max || d->fruitless >= hopeless)
		return PVB_DEATHS_ENOUGH;
	return d->count >= (max + 1) / 2 || d->fruitless >= (hopeless + 1) / 2
	               ? PVB_DEATHS_ALONE : PVB_DEATHS_GO_ON;
}
