/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include <pvb/err.h>

#include "disk_fault.h"
#include "uri.h"

enum { VALUE_BYTES = 256 };

static const struct { const char *name; int code; } errors[] = {
	{ "EIO", -EIO }, { "ENOSPC", -ENOSPC }, { "EROFS", -EROFS },
	{ "EOPNOTSUPP", -EOPNOTSUPP }, { "EINVAL", -EINVAL },
	{ "ESHUTDOWN", -ESHUTDOWN }, { "ENODATA", -ENODATA },
};
enum { ERRORS = sizeof(errors) / sizeof(errors[0]) };

static const char *const op_names[PVB_IO_OP_COUNT] = {
	[PVB_IO_READ] = "read", [PVB_IO_WRITE] = "write",
	[PVB_IO_FLUSH] = "flush", [PVB_IO_DISCARD] = "discard",
	[PVB_IO_ZERO] = "zero",
};

/* A positive number of at most 32 bits, of decimal digits alone. */
static bool parse_count(const char *text, uint32_t *out)
{
	uint64_t n;

	if (text[strspn(text, "0123456789")] != '\0' ||
	    !pvb_parse_size(text, &n) || n == 0 || n > UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool parse_error(const char *text, int32_t *out)
{
	for (int i = 0; i < ERRORS; i++) {
		if (!strcmp(errors[i].name, text)) {
			*out = errors[i].code;
			return true;
		}
	}
	return false;
}

static bool parse_op(const char *text, uint32_t *ops)
{
	for (uint32_t i = 0; i < PVB_IO_OP_COUNT; i++) {
		if (!strcmp(op_names[i], text)) {
			*ops |= 1u << i;
			return true;
		}
	}
	return false;
}

/* "FROM-TO" */
static bool parse_range(char *text, struct fault_rule *rule)
{
	char *dash = strchr(text, '-');
	bool good;

	if (!dash)
		return false;
	*dash = '\0';
	good = pvb_parse_size(text, &rule->from_bytes) &&
	       pvb_parse_size(dash + 1, &rule->to_bytes) &&
	       rule->from_bytes < rule->to_bytes;
	*dash = '-';                    /* the sentence shows it whole */
	return good;
}

/* One "word:value" behind a comma. */
static int parse_when(char *text, struct fault_rule *rule, struct pvb_err *e)
{
	char *value = strchr(text, ':');
	bool known = true, good = false;

	if (value)
		*value++ = '\0';
	if (!value)
		known = false;
	else if (!strcmp(text, "op"))
		good = parse_op(value, &rule->ops);
	else if (!strcmp(text, "every"))
		good = parse_count(value, &rule->every);
	else if (!strcmp(text, "after"))
		good = parse_count(value, &rule->after);
	else if (!strcmp(text, "times"))
		good = parse_count(value, &rule->times);
	else if (!strcmp(text, "at"))
		good = parse_range(value, rule);
	else
		known = false;
	if (!known)
		return pvb_err_set(e, -EINVAL, "\"%s\" is none of op:NAME, "
		                   "at:FROM-TO, every:N, after:N, times:N",
		                   text);
	if (!good)
		return pvb_err_set(e, -EINVAL, "%s:%s is not understood", text,
		                   value);
	return 0;
}

/* Of "fail=" and "delay=".  Behind it stands when. */
static int parse_what(const char *name, const char *text,
                      struct fault_rule *rule, struct pvb_err *e)
{
	bool fails = !strcmp(name, "fail");

	if (fails && !parse_error(text, &rule->error))
		return pvb_err_set(e, -EINVAL, "fail=%s: none of EIO, ENOSPC, "
		                   "EROFS, EOPNOTSUPP, EINVAL, ESHUTDOWN, "
		                   "ENODATA", text);
	if (!fails && !parse_count(text, &rule->delay_ms))
		return pvb_err_set(e, -EINVAL, "delay=%s is not a number of "
		                   "milliseconds", text);
	return 0;
}

/* The next word of a rule, cut off, or NULL. */
static char *next_word(char **rest)
{
	char *at = *rest;

	if (at)
		*rest = strchr(at, ',');
	if (at && *rest)
		*(*rest)++ = '\0';
	return at;
}

static int parse_rule(const char *name, const char *value,
                      struct fault_rule *rule, struct pvb_err *e)
{
	bool lies = !strcmp(name, "lie");
	char text[VALUE_BYTES], *rest = text, *at;
	size_t length = strlen(value);
	int r = 0;

	if (length >= sizeof(text))
		return pvb_err_set(e, -EINVAL, "option %s is longer than %d "
		                   "bytes", name, VALUE_BYTES - 1);
	memcpy(text, value, length + 1);
	*rule = (struct fault_rule){ .every = 1 };
	if (lies)
		rule->error = FAULT_LIE;
	else
		r = parse_what(name, next_word(&rest), rule, e);
	while (r == 0 && (at = next_word(&rest)))
		r = parse_when(at, rule, e);
	return r;
}

/* All options of one name, in their order. */
static int parse_rules(struct pvb_uri *uri, const char *name,
                       struct fault_plan *plan, struct pvb_err *e)
{
	const char *value;
	int r;

	while ((value = pvb_uri_option(uri, name))) {
		if (plan->rules == FAULT_RULES_MAX)
			return pvb_err_set(e, -EINVAL, "more than %d rules",
			                   FAULT_RULES_MAX);
		r = parse_rule(name, value, &plan->rule[plan->rules], e);
		if (r < 0)
			return r;
		plan->rules++;
	}
	return 0;
}

static int parse_number(struct pvb_uri *uri, const char *name, uint32_t max,
                        uint32_t *out, struct pvb_err *e)
{
	const char *value = pvb_uri_option(uri, name);

	if (!value || (parse_count(value, out) && *out <= max))
		return 0;
	return pvb_err_set(e, -EINVAL, "%s=%s is not a number from 1 to %u",
	                   name, value, max);
}

int fault_plan_parse(struct pvb_uri *uri, struct fault_plan *plan,
                     struct pvb_err *e)
{
	int r;

	*plan = (struct fault_plan){ .version = FAULT_VERSION, .seed = 1 };
	r = parse_rules(uri, "fail", plan, e);
	if (r == 0)
		r = parse_rules(uri, "delay", plan, e);
	if (r == 0)
		r = parse_rules(uri, "lie", plan, e);
	if (r == 0)
		r = parse_number(uri, "reorder", FAULT_REORDER_MAX,
		                 &plan->reorder, e);
	if (r == 0)
		r = parse_number(uri, "seed", UINT32_MAX, &plan->seed, e);
	if (r == 0)
		r = parse_number(uri, "die-after", UINT32_MAX,
		                 &plan->die_after, e);
	if (r == 0)
		r = parse_number(uri, "die-ms", UINT32_MAX, &plan->die_ms, e);
	if (r == 0)
		r = parse_number(uri, "open-ms", FAULT_OPEN_MS_MAX,
		                 &plan->open_ms, e);
	return r;
}

static bool applies(const struct fault_rule *rule, const struct pvb_io *io)
{
	if (rule->ops && !(rule->ops & 1u << io->op))
		return false;
	if (rule->to_bytes == 0)
		return true;
	return io->op != PVB_IO_FLUSH && io->offset_bytes < rule->to_bytes &&
	       io->offset_bytes + io->length_bytes > rule->from_bytes;
}

static bool strikes(const struct fault_rule *rule, struct fault_count *count,
                    const struct pvb_io *io)
{
	if (!applies(rule, io))
		return false;
	count->seen++;
	if (count->seen <= rule->after ||
	    (count->seen - rule->after) % rule->every != 0 ||
	    (rule->times > 0 && count->hit == rule->times))
		return false;
	count->hit++;
	return true;
}

struct fault_verdict fault_judge(const struct fault_plan *plan,
                                 struct fault_count count[FAULT_RULES_MAX],
                                 const struct pvb_io *io)
{
	struct fault_verdict v = { 0, 0 };

	for (uint32_t i = 0; i < plan->rules; i++) {
		const struct fault_rule *rule = &plan->rule[i];

		if (!strikes(rule, &count[i], io))
			continue;
		v.delay_ms += rule->delay_ms;
		if (v.error == 0)
			v.error = rule->error;
	}
	return v;
}
