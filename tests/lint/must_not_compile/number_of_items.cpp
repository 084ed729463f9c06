// SPDX-License-Identifier: MIT
// A channel holds no half item.

#include <eddy/channel.hpp>

void correct() { const auto ends = eddy::open_channel<int>(0); }

#ifdef EDDY_MUST_NOT_COMPILE
void wrong() { const auto ends = eddy::open_channel<int>(0.5); }
#endif
