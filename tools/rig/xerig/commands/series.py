# SPDX-License-Identifier: MIT
"""make series: mailable series with cover letter in out/series/BASE."""

from .. import base as bases
from .. import checkout, errors, options, paths, setup

HELP = "mailable series with cover letter and recipients in out/series/BASE"


def add_arguments(parser):
    options.add(parser, "base", "only")


def run(args):
    cache = paths.Cache()
    base = bases.load(args.base)
    checkout.can_send(base, args.only)
    _, source = setup.ensure_all(base, cache)
    folder, count, (lists, people) = checkout.series(base, source, cache, args.only)
    print(f"{folder}: {'' if args.only else 'cover letter and '}{count} patches, To {lists} lists, Cc {people} people "
          f"of that kernel's MAINTAINERS; `git send-email {folder}/*.patch` takes both from the mails")
    return errors.OK
