/* SPDX-License-Identifier: MIT */
/*
 * conn_table.c - the handshake: every move, and its drawing.
 *
 * Phase and input pick a move: the next phase, what to say, what to do.  An
 * empty cell means that nothing is to be done, so the machine is total.
 *
 * Front.  Ways are marked by what leads over them:
 *
 *       OFF --START (our node unused)----------------> HELLO ---> RETIRED
 *        `----START (in use)---> RESET --back let go-->  | ^  STOP, TIMEOUT
 *                                   ^  first Closing     | |
 *                                   `--------------------+-'
 *                                                        | InitWait or more
 *                                                        v
 *   ,------------------ nothing shared yet --------- ATTACHING -> RETIRED
 *   |                                                    | attached   cannot
 *   |    STOP, TIMEOUT, Closing                          v
 *   |      ,------------------------------------------ OFFERED
 *   |      |                                             | Connected
 *   |      v           STOP, Closing                     v
 *   |    DRAIN <--------------------------------------- LIVE
 *   |      |  `--gone, Closed, TIMEOUT--> CUT <----------' gone, Closed, anew,
 *   |      `-> CLOSING <---drained---------'               data path failed
 *   |             | back is Closing or more, TIMEOUT
 *   |             v
 *   |          CLOSED
 *   |             | back is Closed or gone, TIMEOUT
 *   |             v            (only if it is to leave a fresh device)
 *   `--------> DETACH ---> HANDOFF ---> RETIRED
 *
 * Back.  "New" is a front that begins anew while something is in effect:
 *
 *       OFF --START--> WAIT --Closed, gone--------------------> CLOSED
 *                      | ^ `--Closing--> REFUSED --Closed, gone-->' ^ |
 *        ready: attach | |                  ^ |                     | |
 *                      | `------------------|-+-----<-- new front --|-'
 *                      v       cannot       |                       |
 *                  ATTACHING ---------------'                       |
 *                      |                                            |
 *                      v   STOP, Closing                            |
 *                    LIVE ---------------> CLOSING                  |
 *           gone, new, |  \ Closed           | Closed, TIMEOUT      |
 *          data failed |   `---> DRAIN <-----'                      |
 *                      |           | gone, new                      |
 *                      `--> CUT <--'                                |
 *                             `--drained--> DETACH --detached-------'
 *                                             `--(new)--> WAIT
 *
 * A back enters CLOSED only to stay for another front; else it retires there.
 *
 * Two rules keep memory safe.  A back's Closed, or its being gone, lets a front
 * end its grants only if it was read after the front itself had said Closed
 * (LOOK): an older one may be left from a former connection, and the back may
 * have begun anew since.  And a back leaves CLOSED by saying InitWait, and only
 * then looks whether the front is ready: it never says Closed while it maps.
 */
#include "conn_table.h"

#include "conn.h"

enum {
	ATTACH    = PVB_DO_READ_PEER | PVB_DO_ATTACH,
	PUBLISH   = PVB_DO_PUBLISH,
	GEOMETRY  = PVB_DO_GEOMETRY,
	GO        = PVB_DO_GO,
	DRAIN     = PVB_DO_DRAIN,
	CUT       = PVB_DO_CUT,
	DETACH    = PVB_DO_DETACH,
	UNPUBLISH = PVB_DO_UNPUBLISH,
	RETIRE    = PVB_DO_RETIRE,
	LOOK      = PVB_DO_LOOK,
};

enum {
	INITIALISING = PVB_XB_INITIALISING,
	INIT_WAIT    = PVB_XB_INIT_WAIT,
	INITIALISED  = PVB_XB_INITIALISED,
	CONNECTED    = PVB_XB_CONNECTED,
	CLOSING      = PVB_XB_CLOSING,
	CLOSED       = PVB_XB_CLOSED,
};

#define HELLO     { F_HELLO, INITIALISING, LOOK }
#define GIVE_UP   { RETIRED, CLOSED, RETIRE }
#define OPEN      { B_WAIT, INIT_WAIT, PUBLISH | LOOK }
#define BACK_DONE { B_CLOSED, CLOSED, 0 }

const struct pvb_conn_move pvb_conn_moves[PHASE_COUNT][IN_COUNT] = {
	[F_OFF] = {             /* UNPUBLISH: what a predecessor left */
		[IN_START]        = { F_HELLO, INITIALISING, UNPUBLISH | LOOK },
		[IN_START_FOUND]  = { F_RESET, CLOSED, UNPUBLISH | LOOK },
		[IN_STOP]         = GIVE_UP,
	},
	[F_RESET] = {
		[IN_FREE]         = HELLO,
		[IN_OFFER]        = HELLO,
		[IN_CLOSED]       = HELLO,
		[IN_GONE]         = HELLO,
		[IN_STOP]         = { RETIRED, 0, RETIRE },
		[IN_TIMEOUT]      = { RETIRED, 0, RETIRE },
	},
	[F_HELLO] = {           /* F1 */
		[IN_OFFER]        = { F_ATTACHING, 0, ATTACH },
		[IN_CONNECTED]    = { F_ATTACHING, 0, ATTACH },
		[IN_STALE]        = { F_RESET, CLOSED, LOOK },
		[IN_CLOSING]      = GIVE_UP,
		[IN_STOP]         = GIVE_UP,
		[IN_TIMEOUT]      = GIVE_UP,
	},
	[F_ATTACHING] = {       /* nothing published: the back maps nothing */
		[IN_ATTACHED]     = { F_OFFERED, INITIALISED, PUBLISH | LOOK },
		[IN_UNWANTED]     = { F_DETACH, CLOSED, DETACH },
		[IN_FAIL_ATTACH]  = GIVE_UP,
	},
	[F_OFFERED] = {         /* F2 */
		[IN_CONNECTED]    = { F_LIVE, CONNECTED, GEOMETRY | GO },
		[IN_CLOSING]      = { F_DRAIN, 0, DRAIN },
		[IN_CLOSED]       = { F_CUT, 0, DRAIN | CUT },
		[IN_GONE]         = { F_CUT, 0, DRAIN | CUT },
		[IN_FAIL_PUBLISH] = { F_DETACH, CLOSED, DETACH },
		[IN_FAIL_DATA]    = { F_CUT, 0, DRAIN | CUT },
		[IN_STOP]         = { F_DRAIN, 0, DRAIN },
		[IN_TIMEOUT]      = { F_DRAIN, 0, DRAIN },
	},
	[F_LIVE] = {            /* F3 */
		[IN_CONNECTED]    = { F_LIVE, 0, GEOMETRY },
		[IN_ANEW]         = { F_CUT, 0, DRAIN | CUT },
		[IN_CLOSING]      = { F_DRAIN, 0, DRAIN },
		[IN_CLOSED]       = { F_CUT, 0, DRAIN | CUT },
		[IN_GONE]         = { F_CUT, 0, DRAIN | CUT },
		[IN_FAIL_GEOMETRY] = { F_DRAIN, 0, DRAIN },
		[IN_FAIL_DATA]    = { F_CUT, 0, DRAIN | CUT },
		[IN_STOP]         = { F_DRAIN, 0, DRAIN },
	},
	[F_DRAIN] = {           /* F4 */
		[IN_DRAINED]      = { F_CLOSING, CLOSING, LOOK },
		[IN_CLOSED]       = { F_CUT, 0, CUT },
		[IN_GONE]         = { F_CUT, 0, CUT },
		[IN_FAIL_DATA]    = { F_CUT, 0, CUT },
		[IN_TIMEOUT]      = { F_CUT, 0, CUT },
	},
	[F_CUT] = {
		[IN_DRAINED]      = { F_CLOSING, CLOSING, LOOK },
	},
	[F_CLOSING] = {         /* F5 */
		[IN_CLOSING]      = { F_CLOSED, CLOSED, LOOK },
		[IN_CLOSED]       = { F_CLOSED, CLOSED, LOOK },
		[IN_GONE]         = { F_CLOSED, CLOSED, LOOK },
		[IN_TIMEOUT]      = { F_CLOSED, CLOSED, LOOK },
	},
	[F_CLOSED] = {          /* F6 */
		[IN_CLOSED]       = { F_DETACH, 0, DETACH | UNPUBLISH },
		[IN_GONE]         = { F_DETACH, 0, DETACH | UNPUBLISH },
		[IN_TIMEOUT]      = { F_DETACH, 0, DETACH | UNPUBLISH },
	},
	[F_DETACH] = {
		[IN_DETACHED]     = { RETIRED, 0, RETIRE },
		[IN_AGAIN]        = { F_HANDOFF, INITIALISING, LOOK },
	},
	[F_HANDOFF] = {         /* F1 for somebody else */
		[IN_OFFER]        = { RETIRED, 0, RETIRE },
		[IN_GONE]         = { RETIRED, 0, RETIRE },
		[IN_STOP]         = { RETIRED, 0, RETIRE },
		[IN_TIMEOUT]      = { RETIRED, 0, RETIRE },
	},
	[B_OFF] = {
		[IN_START]        = OPEN,
		[IN_STOP]         = BACK_DONE,
	},
	[B_WAIT] = {            /* B1 */
		[IN_READY]        = { B_ATTACHING, 0, ATTACH },
		[IN_OTHER]        = { B_ATTACHING, 0, ATTACH },
		[IN_CLOSING]      = { B_REFUSED, CLOSING, 0 },
		[IN_CLOSED]       = BACK_DONE,
		[IN_GONE]         = BACK_DONE,
		[IN_FAIL_PUBLISH] = { B_REFUSED, CLOSING, 0 },
		[IN_END]          = BACK_DONE,
		[IN_STOP]         = BACK_DONE,
	},
	[B_REFUSED] = {         /* nothing mapped; the front is to notice */
		[IN_FIRST]        = OPEN,
		[IN_CLOSED]       = BACK_DONE,
		[IN_GONE]         = BACK_DONE,
		[IN_END]          = BACK_DONE,
		[IN_STOP]         = BACK_DONE,
		[IN_TIMEOUT]      = BACK_DONE,
	},
	[B_CLOSED] = {          /* B6 */
		[IN_FIRST]        = OPEN,
		[IN_OTHER]        = OPEN,
		[IN_STOP]         = BACK_DONE,
	},
	[B_ATTACHING] = {
		[IN_ATTACHED]     = { B_LIVE, CONNECTED, PUBLISH | GO },
		[IN_LEAVING]      = { B_CLOSING, CLOSING, GO },
		[IN_UNWANTED]     = { B_CUT, 0, DRAIN | CUT },
		[IN_FAIL_ATTACH]  = { B_REFUSED, CLOSING, 0 },
		[IN_AGAIN]        = OPEN,
		[IN_END]          = BACK_DONE,
	},
	[B_LIVE] = {            /* B2, B3 */
		[IN_FIRST]        = { B_CUT, 0, DRAIN | CUT },
		[IN_OTHER]        = { B_CUT, 0, DRAIN | CUT },
		[IN_CLOSING]      = { B_CLOSING, CLOSING, 0 },
		[IN_CLOSED]       = { B_DRAIN, 0, DRAIN },
		[IN_GONE]         = { B_CUT, 0, DRAIN | CUT },
		[IN_FAIL_PUBLISH] = { B_CUT, CLOSING, DRAIN | CUT },
		[IN_FAIL_DATA]    = { B_CUT, CLOSING, DRAIN | CUT },
		[IN_STOP]         = { B_CLOSING, CLOSING, 0 },
	},
	[B_CLOSING] = {         /* B4 */
		[IN_FIRST]        = { B_CUT, 0, DRAIN | CUT },
		[IN_OTHER]        = { B_CUT, 0, DRAIN | CUT },
		[IN_CLOSED]       = { B_DRAIN, 0, DRAIN },
		[IN_GONE]         = { B_CUT, 0, DRAIN | CUT },
		[IN_FAIL_DATA]    = { B_CUT, 0, DRAIN | CUT },
		[IN_TIMEOUT]      = { B_DRAIN, 0, DRAIN },
	},
	[B_DRAIN] = {           /* B5 */
		[IN_FIRST]        = { B_CUT, 0, CUT },
		[IN_OTHER]        = { B_CUT, 0, CUT },
		[IN_GONE]         = { B_CUT, 0, CUT },
		[IN_FAIL_DATA]    = { B_CUT, 0, CUT },
		[IN_DRAINED]      = { B_DETACH, 0, DETACH },
	},
	[B_CUT] = {
		[IN_DRAINED]      = { B_DETACH, 0, DETACH },
	},
	[B_DETACH] = {
		[IN_DETACHED]     = BACK_DONE,
		[IN_AGAIN]        = OPEN,
	},
};
