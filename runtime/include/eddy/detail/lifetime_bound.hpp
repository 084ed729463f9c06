// SPDX-License-Identifier: MIT
#pragma once

/// Behind a reference parameter: the result refers to it, so clang warns when it outlives it.
#if defined(__clang__)
#define EDDY_LIFETIMEBOUND [[clang::lifetimebound]]
#else
#define EDDY_LIFETIMEBOUND
#endif
