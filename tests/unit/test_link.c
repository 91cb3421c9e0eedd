/* SPDX-License-Identifier: MIT */
/*
 * test_link.c - messages and descriptors between two ends that are ours.
 * What a hostile end may do is in test_link_hostile.c.
 */
#include <sys/socket.h>

#include "link_fixture.h"

static void message_arrives_whole(void **state)
{
	char big[PVB_LINK_MSG_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7);
	assert_int_equal(pvb_link_send(&ours.k, big, sizeof(big), NULL, 0), 0);
	turn_blocking();
	assert_int_equal(theirs.messages, 1);
	assert_int_equal(theirs.bytes, sizeof(big));
	assert_memory_equal(theirs.last, big, sizeof(big));
	assert_int_equal(pvb_link_send(&theirs.k, "x", 1, NULL, 0), 0);
	turn_blocking();
	assert_int_equal(ours.messages, 1);
	assert_int_equal(ours.bytes, 1);
}

static void message_is_never_delivered_inside_send(void **state)
{
	(void)state;
	assert_int_equal(pvb_link_send(&ours.k, "x", 1, NULL, 0), 0);
	assert_int_equal(theirs.messages, 0);
	turn();
	assert_int_equal(theirs.messages, 1);
}

static void messages_keep_their_order_and_their_borders(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(pvb_link_send(&ours.k, &i, sizeof(i), NULL,
		                               0), 0);
	for (int i = 0; i < 10; i++) {
		turn_blocking();
		assert_int_equal(theirs.messages, i + 1);
		assert_int_equal(theirs.bytes, sizeof(i));
		assert_memory_equal(theirs.last, &i, sizeof(i));
	}
}

static void keep_second(struct end *e, int *fds)
{
	e->kept = fds[1];
	fds[1] = -1;
}

static void kept_descriptor_works_and_the_rest_is_closed(void **state)
{
	int before = open_fds(), fds[2];
	char got[4];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	theirs.also = keep_second;
	assert_int_equal(pvb_link_send(&ours.k, "pipe", 4, fds, 2), 0);
	(void)close(fds[1]);
	turn_blocking();
	assert_int_equal(theirs.nfds, 2);
	assert_int_equal(fcntl(theirs.kept, F_GETFD), FD_CLOEXEC);
	/* Our read end and the kept write end: theirs was closed for them. */
	assert_int_equal(open_fds(), before + 2);
	assert_int_equal(write(theirs.kept, "thru", 4), 4);
	assert_int_equal(read(fds[0], got, 4), 4);
	assert_memory_equal(got, "thru", 4);
	(void)close(fds[0]);
	(void)close(theirs.kept);
	assert_int_equal(open_fds(), before);
}

static void sender_keeps_its_descriptors(void **state)
{
	int before = open_fds(), fd = dup(0);

	(void)state;
	assert_int_equal(pvb_link_send(&ours.k, "x", 1, &fd, 1), 0);
	turn_blocking();
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	(void)close(fd);
	assert_int_equal(open_fds(), before);
}

static void as_many_descriptors_as_a_message_takes(void **state)
{
	int fds[PVB_LINK_FDS_MAX + 1] = { 0 }, before = open_fds();

	(void)state;
	assert_int_equal(pvb_link_send(&ours.k, "x", 1, fds,
	                               PVB_LINK_FDS_MAX + 1), -EMSGSIZE);
	assert_int_equal(pvb_link_send(&ours.k, "x", 1, fds,
	                               PVB_LINK_FDS_MAX), 0);
	turn_blocking();
	assert_int_equal(theirs.messages, 1);
	assert_int_equal(theirs.nfds, PVB_LINK_FDS_MAX);
	assert_int_equal(open_fds(), before);
}

static void impossible_sizes_are_refused_and_nothing_is_sent(void **state)
{
	char big[PVB_LINK_MSG_MAX + 1] = { 0 };

	(void)state;
	assert_int_equal(pvb_link_send(&ours.k, big, 0, NULL, 0), -EMSGSIZE);
	assert_int_equal(pvb_link_send(&ours.k, big, sizeof(big), NULL, 0),
	                 -EMSGSIZE);
	turn();
	assert_int_equal(theirs.messages, 0);
	assert_int_equal(theirs.closed, 0);
}

static void full_line_says_so_and_loses_nothing(void **state)
{
	int sent = 0, r;

	(void)state;
	while ((r = pvb_link_send(&ours.k, &sent, sizeof(sent), NULL, 0)) == 0)
		assert_true(++sent < 100000);
	assert_int_equal(r, -EAGAIN);
	for (int i = 0; i < sent; i++) {
		turn_blocking();
		assert_memory_equal(theirs.last, &i, sizeof(i));
	}
	assert_int_equal(theirs.messages, sent);
	assert_int_equal(pvb_link_send(&ours.k, &sent, sizeof(sent), NULL, 0),
	                 0);
}

static void end_is_told_once_and_after_all_messages(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pvb_link_send(&ours.k, "x", 1, NULL, 0), 0);
	pvb_link_fini(&ours.k);
	for (int i = 1; i <= 3; i++) {
		turn_blocking();
		assert_int_equal(theirs.messages, i);
		assert_int_equal(theirs.closed, 0);
	}
	turn_blocking();
	assert_int_equal(theirs.closed, 1);
	turn();
	assert_int_equal(theirs.closed, 1);
	assert_int_equal(pvb_link_send(&theirs.k, "x", 1, NULL, 0), -EPIPE);
}

static void last_words_of_one_who_did_not_listen_arrive(void **state)
{
	(void)state;
	/* It dies with our message unread: the kernel then reports a reset,
	   ahead of what it had said. */
	assert_int_equal(pvb_link_send(&theirs.k, "unread", 6, NULL, 0), 0);
	assert_int_equal(pvb_link_send(&ours.k, "failed", 6, NULL, 0), 0);
	pvb_link_fini(&ours.k);
	for (int i = 0; i < 5 && !theirs.closed; i++)
		turn_blocking();
	assert_int_equal(theirs.messages, 1);
	assert_memory_equal(theirs.last, "failed", 6);
	assert_int_equal(theirs.closed, 1);
}

static void send_to_nobody_is_epipe_before_the_end_is_told(void **state)
{
	(void)state;
	pvb_link_fini(&ours.k);
	assert_int_equal(pvb_link_send(&theirs.k, "x", 1, NULL, 0), -EPIPE);
	assert_int_equal(theirs.closed, 0);
	turn_blocking();
	assert_int_equal(theirs.closed, 1);
}

static void fini_twice_or_of_zeros_touches_no_descriptor(void **state)
{
	struct pvb_link zero = { 0 };
	int before = open_fds();

	(void)state;
	pvb_link_fini(&zero);
	assert_int_equal(open_fds(), before);
	pvb_link_fini(&ours.k);
	pvb_link_fini(&ours.k);
	assert_int_equal(open_fds(), before - 1);
	assert_int_equal(pvb_link_send(&ours.k, "x", 1, NULL, 0), -EPIPE);
}

/* An end on the heap that its own callback frees. */
static void free_in_message(struct pvb_link *k, const void *msg, size_t bytes,
                            int *fds, uint32_t nfds)
{
	(void)msg;
	(void)bytes;
	(void)fds;
	(void)nfds;
	pvb_link_fini(k);
	free(k);
}

static void free_in_closed(struct pvb_link *k)
{
	pvb_link_fini(k);
	free(k);
}

static const struct pvb_link_ops freeing_ops = { free_in_message,
                                                 free_in_closed };

static void callback_may_end_and_free_its_link(void **state)
{
	int before = open_fds();

	(void)state;
	for (int with_message = 0; with_message < 2; with_message++) {
		struct pvb_link *k = malloc(sizeof(*k));
		int fds[2], zero = 0;

		assert_non_null(k);
		assert_int_equal(pvb_link_pair(fds), 0);
		assert_int_equal(pvb_link_init(k, loop, fds[0], &freeing_ops),
		                 0);
		if (with_message) {
			struct pvb_link s = { .ops = &freeing_ops,
			                      .fd = fds[1] };

			for (int i = 0; i < 3; i++)
				assert_int_equal(pvb_link_send(&s, "x", 1,
				                               &zero, 1), 0);
		}
		(void)close(fds[1]);
		turn_blocking();
		turn();
		assert_int_equal(open_fds(), before);
	}
}

static void init_takes_the_descriptor_even_when_it_fails(void **state)
{
	struct pvb_link k;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(pvb_link_init(&k, loop, fd, &freeing_ops), -EPERM);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	pvb_link_fini(&k);
}

static void pair_is_closed_on_exec(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pvb_link_pair(fds), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		(void)close(fds[i]);
	}
}

#define LINKED(test) cmocka_unit_test_setup_teardown(test, join, part)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LINKED(message_arrives_whole),
		LINKED(message_is_never_delivered_inside_send),
		LINKED(messages_keep_their_order_and_their_borders),
		LINKED(kept_descriptor_works_and_the_rest_is_closed),
		LINKED(sender_keeps_its_descriptors),
		LINKED(as_many_descriptors_as_a_message_takes),
		LINKED(impossible_sizes_are_refused_and_nothing_is_sent),
		LINKED(full_line_says_so_and_loses_nothing),
		LINKED(end_is_told_once_and_after_all_messages),
		LINKED(last_words_of_one_who_did_not_listen_arrive),
		LINKED(send_to_nobody_is_epipe_before_the_end_is_told),
		LINKED(fini_twice_or_of_zeros_touches_no_descriptor),
		LINKED(callback_may_end_and_free_its_link),
		LINKED(init_takes_the_descriptor_even_when_it_fails),
		cmocka_unit_test(pair_is_closed_on_exec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
