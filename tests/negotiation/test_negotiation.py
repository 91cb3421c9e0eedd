#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""pvb's negotiation against a model of it, for thousands of offers.

usage: test_negotiation.py NEGOTIATE      (the program of negotiate.c)

A case on which the two differ is shown with as few nodes as it needs."""
import itertools
import sys

import cases
import model
from cases import Case
from field import FIELD, holds
from lines import ask, expected, line_of, nodes_in, settings_in

PROGRAM = sys.argv[1:]
LOOKED_AT = 12                  # of the cases of a group that differ
SHOWN = 3                       # of those
FAULTS_SHOWN = 6                # of one of them

GROUPS = (
    ("what a back offers", cases.own_limits),
    ("a front reads ring sizes", cases.offers_ring),
    ("a front reads a number of queues", cases.offers_queues),
    ("a front reads indirect segments", cases.offers_indirect),
    ("a front reads segment blocks", cases.offers_blocks),
    ("a front reads a whole offer", cases.offers_together),
    ("a back reads ring sizes and references", cases.terms_ring),
    ("a back reads each number of pages", cases.terms_pages),
    ("a back reads queues", cases.terms_queues),
    ("a back reads segment blocks", cases.terms_blocks),
    ("a back reads protocol and features", cases.terms_features),
    ("a back reads how sectors are counted", cases.terms_units),
    ("a back reads whole terms", cases.terms_together),
    ("what a back says of its disk", cases.own_disks),
    ("a front reads sectors", cases.disks_sizes),
    ("a front reads sectors of any unit", cases.disks_units),
    ("a front reads features", cases.disks_features),
    ("a front reads discard", cases.disks_discard),
    ("a front reads a whole disk", cases.disks_together),
    ("every spelling of each node", cases.spellings),
    ("nodes full of text", cases.floods),
)


# ---- one end against the model ---------------------------------------------

def differs(case):
    return ask(PROGRAM, [case])[0] not in expected(case)


def smallest(case):
    """The same case, with no node that the difference can do without."""
    for name in list(case.nodes):
        less = {n: v for n, v in case.nodes.items() if n != name}
        if differs(case._replace(nodes=less)):
            case = case._replace(nodes=less)
    return case


def show(wrong):
    """Lines on some of the cases that differ, each once."""
    seen = {}
    for case in map(smallest, wrong[:LOOKED_AT]):
        seen.setdefault(line_of(case), case)
    for line, case in itertools.islice(seen.items(), SHOWN):
        right = sorted(expected(case))
        yield "case:  " + line
        yield "pvb:   " + ask(PROGRAM, [case])[0]
        for text in right[:FAULTS_SHOWN]:
            yield "model: " + text
        if len(right) > FAULTS_SHOWN:
            yield f"model: ... {len(right)} faults"


def compare(some):
    """What the group is, and lines on what is wrong."""
    some = list(some)
    agreed = single = 0
    wrong = []
    for case, answer in zip(some, ask(PROGRAM, some)):
        right = expected(case)
        if answer not in right:
            wrong.append(case)
        elif answer.startswith("agreed"):
            agreed += 1
        else:
            single += len(right) == 1
    summary = f"{len(some)} cases, {agreed} agreements, {single} of one fault"
    text = [f"{len(wrong)} differ"] if wrong else []
    return summary, text + list(show(wrong))


# ---- the model and pvb against the world -----------------------------------

def field():
    """What is written by hand must be what both say."""
    text = []
    answers = ask(PROGRAM, [case for _, case, _ in FIELD])
    for (who, case, outcome), answer in zip(FIELD, answers):
        for what, said in (("pvb", {answer}), ("model", expected(case))):
            if not all(holds(outcome, line) for line in said):
                text += [f"{who}: {outcome}"] + \
                    [f"{what}: {line}" for line in sorted(said)]
    return f"{len(FIELD)} peers", text


# ---- both ends of pvb ------------------------------------------------------

def used(front, back, back_disk):
    """What two ends use together, as each has come to see it; None if they see
    it differently."""
    shared = ("abi", "order", "persistent", "blocks", "queue")
    if [front[x] for x in shared] != [back[x] for x in shared]:
        return None
    return model.Limits(
        order=int(back["order"]), queues=len(back["queue"]),
        indirect=int(front["indirect"]),
        persistent=bool(int(back["persistent"]) and
                        int(back_disk["persistent"])),
        blocks=back["blocks"] != "0,0,0")


def connect(pairs):
    """Each pair of a front's and a back's limits all the way through pvb: what
    they then use."""
    offers = ask(PROGRAM, [Case("offer", back) for _, back in pairs])
    fronts = ask(PROGRAM, [Case("front", front, nodes=nodes_in(offer))
                           for (front, _), offer in zip(pairs, offers)])
    backs = ask(PROGRAM, [Case("back", back, nodes=nodes_in(front))
                          for (_, back), front in zip(pairs, fronts)])
    disks = ask(PROGRAM, [Case("publish", model.Disk(
        2048, persistent=back.persistent)) for _, back in pairs])
    disks = ask(PROGRAM, [Case("read", nodes=nodes_in(d)) for d in disks])
    return [used(*map(settings_in, ends)) if
            all(end.startswith("agreed") for end in ends) else None
            for ends in zip(fronts, backs, disks)]


def ends(limits):
    """Each of these as front and as back of each."""
    pairs = list(itertools.product(limits, repeat=2))
    found = dict(zip(pairs, connect(pairs)))
    text = []
    for (front, back), use in found.items():
        if use != model.agreement(front, back):
            text.append(f"front {front}, back {back}: {use}, not "
                        f"{model.agreement(front, back)}")
        if use != found[back, front]:
            text.append(f"front {front}, back {back}: {use}; the other way "
                        f"round {found[back, front]}")
    return f"{len(pairs)} pairs", text[:SHOWN]


def main():
    tests = [(name, lambda some=some: compare(some()))
             for name, some in GROUPS]
    tests += [
        ("peers of the field", field),
        ("both ends, whatever each can do",
         lambda: ends(list(cases.all_limits()))),
        ("both ends, rings and queues",
         lambda: ends(list(cases.all_rings()))),
    ]
    failed = 0
    print(f"1..{len(tests)}")
    for number, (name, test) in enumerate(tests, 1):
        summary, wrong = test()
        failed += bool(wrong)
        for line in "\n".join(wrong).splitlines():
            print("# " + line)
        print(f"{'not ' if wrong else ''}ok {number} - {name} ({summary})",
              flush=True)
    return 1 if failed else 0


sys.exit(main())
