# SPDX-License-Identifier: MIT
# The front door. Each target is one line to tools/rig/xe-unplug; `make help` lists them.

RIG := tools/rig/xe-unplug
export BASE STATE WAY ORDER KERNEL IOMMU GPU CPUS REPEAT TOGETHER SIDE TESTS POINTS RESUME LIMIT JOBS ONLY RELEASE WHERE CACHE BASE_SRC V

.DEFAULT_GOAL := help

##@ The main job
hotunplug: ## default state x way table, unpatched beside patched, one verdict line [BASE=6.12]
	@$(RIG) hotunplug
test: ## everything CI checks: unit, KUnit, static checks, meta-tests, smoke matrix [BASE= TESTS=steps]
	@$(RIG) test
setup: ## host packages, root filesystem, kernel sources; idempotent [BASE=]
	@$(RIG) setup

##@ Pieces of it
matrix: ## any subset: BASE= STATE= WAY= ORDER= KERNEL= IOMMU= GPU= SIDE= (comma lists, all; their product) REPEAT= TOGETHER=
	@$(RIG) matrix
igt: ## IGT's packaged programs in the guest: TESTS=program[@subtest],… (globs, short) [BASE= SIDE= GPU= CPUS= REPEAT= RESUME= LIMIT=]
	@$(RIG) igt
live: ## xe's own live KUnit on the virtual GPU: TESTS=suite[.case],… [BASE= SIDE= GPU=]
	@$(RIG) live
sweep: ## removal at every recorded event, ioctl and call of a workload: POINTS=N|all [BASE= STATE= GPU=]
	@$(RIG) sweep
cycles: ## unplug and replug under a mixed load in one boot: REPEAT=N [BASE= KERNEL= GPU=]
	@$(RIG) cycles
cover: ## line coverage of the series' files by KUnit and cells [BASE= TESTS=kunit,live,cells]
	@$(RIG) cover
mutants: ## each patch, hunk and call of the series taken out: does a test notice? POINTS=N|all TESTS= [BASE=]
	@$(RIG) mutants
holes: ## the holes of the audit: each fails unpatched as listed and is clean patched: TESTS=F2,… [BASE=7.3]
	@$(RIG) holes
kunit: ## KUnit suites on UML and in the x86 guest [BASE= SIDE= WHERE=uml|x86]
	@$(RIG) kunit
check: ## checkpatch --strict, sparse, W=1, kernel-doc, coccinelle, the build of each patch: TESTS=steps|all [BASE= LIMIT=]
	@$(RIG) check
vgpu: ## build the virtual GPU and run its unit tests
	@$(MAKE) --no-print-directory -C tools/vgpu check
shell: ## an interactive guest with the GPU [BASE= SIDE=base|patched]
	@$(RIG) shell
bench: ## speed of the virtual GPU and of a boot; what the series costs: TESTS=gpu,driver,removal [BASE= GPU=]
	@$(RIG) bench
report: ## HTML page of the last runs
	@$(RIG) report

##@ Working on the series
tree: ## out/tree/BASE: git tree of the base, one commit a patch
	@$(RIG) tree
refresh: ## write out/tree/BASE back to patches/BASE
	@$(RIG) refresh
series: ## mailable series with cover letter and recipients in out/series/BASE: ONLY=alone|1-4,7
	@$(RIG) series

##@ For machines with a GPU
dkms: ## the patched driver as a DKMS package of its point release in out/packages [BASE=]
	@$(RIG) dkms
deb: ## the patched modules for one Debian kernel whose headers are installed: RELEASE= [BASE=]
	@$(RIG) deb

##@ Other
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
	      /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	      /^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nBASE=6.12|7.3  CACHE=dir  BASE_SRC=dir  V=1 shows commands; all variables: Documentation/rig.rst\nRESUME=same LIMIT=seconds: matrix, igt, sweep, cycles, mutants go on in slices\n'

.PHONY: hotunplug test setup matrix igt live sweep cycles cover mutants holes kunit check vgpu shell bench report tree refresh series dkms deb help
