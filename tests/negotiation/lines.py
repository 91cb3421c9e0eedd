# SPDX-License-Identifier: MIT
"""Cases and outcomes as lines of text, for the program of negotiate.c and from
it; and what the model says of a case, as such a line."""
import subprocess

import model

DEADLINE_S = 60
FIRST_REF, REFS_QUEUE, FIRST_PORT = 1000, 100, 500
PLAIN = frozenset(range(0x21, 0x7f)) - {ord("%")}


# ---- to the program --------------------------------------------------------

def encode(value):
    return "".join(chr(b) if b in PLAIN else f"%{b:02X}" for b in value)


def node_fields(nodes):
    return ["--"] + sorted(f"{n}={encode(v)}" for n, v in nodes.items())


def limit_fields(own):
    return [f"{name}={int(value)}" for name, value in own._asdict().items()]


def disk_fields(disk):
    names = {"sector_size": "logical", "physical_size": "physical"}
    return [f"{names.get(name, name)}={int(value)}"
            for name, value in disk._asdict().items()]


def term_fields(terms):
    fields = [f"abi={terms.abi}", f"order={terms.order}",
              f"persistent={int(terms.persistent)}",
              f"large={int(terms.large)}",
              f"indirect={terms.indirect}",
              "blocks=" + ",".join(map(str, terms.blocks or (0, 0, 0)))]
    return fields + ["queue=" + ",".join(map(str, (port, *references)))
                     for references, port in terms.queues]


def line_of(case):
    fields = [case.kind]
    if isinstance(case.own, model.Limits):
        fields += limit_fields(case.own)
    elif case.own:
        fields += disk_fields(case.own)
    if case.kind in ("front", "back"):
        fields.append(f"abi={case.abi}")
    return "\t".join(fields + node_fields(case.nodes))


# ---- from the program ------------------------------------------------------

def in_order(answer):
    """An answer whose nodes are in the order of their names."""
    fields = answer.split("\t")
    if "--" not in fields:
        return answer
    at = fields.index("--") + 1
    return "\t".join(fields[:at] + sorted(fields[at:]))


def ask(program, some):
    """What the program answers to each of the cases."""
    lines = [line_of(case) for case in some]
    r = subprocess.run(program, input="".join(x + "\n" for x in lines),
                       capture_output=True, text=True, check=False,
                       timeout=DEADLINE_S)
    answers = r.stdout.splitlines()
    if r.returncode or len(answers) != len(lines):
        at = lines[len(answers)] if len(answers) < len(lines) else "the end"
        raise AssertionError(f"the program ended with {r.returncode} at "
                             f"{at}\n{r.stderr}")
    return [in_order(a) for a in answers]


def settings_in(answer):
    """Name to value; of several queues the list."""
    found = {"queue": []}
    for field in answer.split("\t")[1:]:
        name, _, value = field.partition("=")
        if name == "--":
            break
        if name == "queue":
            found["queue"].append(value)
        else:
            found[name] = value
    return found


def nodes_in(answer):
    fields = answer.split("\t")
    return {name: value.encode() for name, _, value in
            (f.partition("=") for f in fields[fields.index("--") + 1:])}


# ---- what the model says ---------------------------------------------------

def keys_of_queue(i, pages):
    first = FIRST_REF + REFS_QUEUE * i
    return tuple(range(first, first + pages)), FIRST_PORT + i


def expect_front(case):
    offer = model.front_reads_offer(case.nodes)
    if model.refused(offer):
        return offer
    terms = model.front_chooses(case.own, offer, case.abi, keys_of_queue)
    return term_fields(terms) + node_fields(model.front_publishes(terms))


def expect_back(case):
    terms = model.back_reads_terms(case.nodes, case.own, case.abi)
    return terms if model.refused(terms) else term_fields(terms)


def expect_read(case):
    disk = model.front_reads_disk(
        case.nodes, case.own.units if case.own else model.SPEC)
    return disk if model.refused(disk) else disk_fields(disk)


EXPECT = {
    "front": expect_front, "back": expect_back, "read": expect_read,
    "offer": lambda case: node_fields(model.back_offers(case.own)),
    "publish": lambda case: node_fields(model.back_publishes(case.own)),
}


def expected(case):
    """The lines that are right: one agreement, or a refusal for any of the
    faults."""
    right = EXPECT[case.kind](case)
    if model.refused(right):
        return {f"refused\t{why}\t{name}" for why, name in right}
    return {"\t".join(["agreed"] + right)}
