// SPDX-License-Identifier: MIT
//
// Memory from devm_k*alloc() is freed at driver unbind. What an open file, a
// worker or a drmm action still reaches after that must not live there. Every
// such allocation is reported, to be judged once and put on the reviewed list.
//
// Options: --no-includes --include-headers

virtual report

@alloc@
expression dev, holder;
identifier get =~ "^devm_k(m|z|c|re)alloc(_array)?$|^devm_k(mem|str)dup$|^devm_kasprintf$";
position at;
@@
  holder = get@at(dev, ...)

@script:python depends on report@
at << alloc.at;
holder << alloc.holder;
get << alloc.get;
@@
coccilib.report.print_report(at[0], "%s in memory of %s()" % (holder, get))
