// SPDX-License-Identifier: MIT
// Loops and guards of the kernel that coccinelle cannot parse as they stand: it would leave their functions out.
#define drm_exec_until_all_locked(exec) while (1)
#define xe_validation_guard(ctx, val, exec, flags, ret) while (1)
#define scoped_guard(type, lock) if (1)
