# SPDX-License-Identifier: MIT
# Names of the states: of the programs, and in tools/rig/xerig/states.py as well.
STATES := idle-fd bo-mmap bo-bound many-bos bo-scattered many-vms userptr userptr-munmapped \
	  userptr-partial userptr-remapped userptr-moved userptr-forked userptr-racing userptr-kinds userptr-peer \
	  fault-userptr fault-svm svm-vram svm-blocked \
	  queue-idle queue-endless queue-many mixed-load queue-queued foreign-fence preempt-vm preempt-many preempt-racing \
	  dmabuf-open dmabuf-closed dmabuf-imported dmabuf-second dmabuf-peer \
	  vram-mmap vram-bound vram-dmabuf \
	  user-fence syncobj-waiter hang-fault ioctl-stuck fd-passed \
	  debugfs-forcewake oa-stream eu-stall-stream
