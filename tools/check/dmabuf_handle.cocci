// SPDX-License-Identifier: MIT
//
// drm_gem_object.dma_buf goes back to NULL when the last handle is closed,
// although importers and the file of the export live on: as a condition it
// takes a buffer that others use for a private one. Every function that looks
// at it is reported.
//
// Options: --no-includes --include-headers

virtual report

@initialize:python@
@@
told = set()

@look@
expression E;
position at;
@@
(
  E->dma_buf@at
|
  E.dma_buf@at
)

@script:python depends on report@
at << look.at;
E << look.E;
@@
where = at[0]
if str(E).rstrip().endswith(("base", "obj", "gem")) and (where.file, where.current_element) not in told:
    told.add((where.file, where.current_element))
    coccilib.report.print_report(where, "%s() looks at %s's dma_buf" % (where.current_element, E))
