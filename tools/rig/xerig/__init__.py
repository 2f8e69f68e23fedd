# SPDX-License-Identifier: MIT
"""The rig: builds kernels, boots them with the virtual GPU, unplugs it, gives a verdict."""
