// SPDX-License-Identifier: MIT
#pragma once

/// Says it first, where an older compiler would complain about the inside of a header.

#if defined(__apple_build_version__)
#if __clang_major__ < 15
#error "eddy needs AppleClang 15 or later"
#endif
#elif defined(__clang__)
#if __clang_major__ < 16
#error "eddy needs clang 16 or later"
#endif
#elif defined(__GNUC__) && __GNUC__ < 12
#error "eddy needs g++ 12 or later"
#endif
