// SPDX-License-Identifier: MIT
//
// A workqueue that is destroyed at driver unbind must have no user left by
// then. MMU notifiers, open files and jobs live on and queue into freed
// memory, so a queue that they use has to live as long as the DRM device.
// Every devm action that destroys one is reported, and every queue devres
// itself destroys, to be judged once and put on the reviewed list.
//
// Options: --no-includes --include-headers

virtual report

@action@
identifier fn;
expression dev, data;
position at;
@@
(
  devm_add_action@at(dev, fn, data)
|
  devm_add_action_or_reset@at(dev, fn, data)
)

@direct@
identifier action.fn;
expression queue;
@@
fn(...) { <+... destroy_workqueue(queue) ...+> }

@script:python depends on report@
at << action.at;
fn << action.fn;
queue << direct.queue;
@@
coccilib.report.print_report(at[0], "devm action %s() destroys workqueue %s" % (fn, queue))

@managed@
identifier alloc =~ "^devm_alloc_(ordered_)?workqueue$";
position at;
@@
alloc@at(...)

@script:python depends on report@
at << managed.at;
@@
coccilib.report.print_report(at[0], "%s() has a workqueue that devres destroys" % at[0].current_element)
