// SPDX-License-Identifier: MIT
#include <eddy/net/any_listener.hpp>

#include <eddy/error.hpp>

namespace eddy::inline v0_1 {

void AnyListener::throw_moved_from() { throw InvalidState("this AnyListener was moved from"); }

}  // namespace eddy::inline v0_1
