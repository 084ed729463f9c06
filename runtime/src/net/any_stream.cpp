// SPDX-License-Identifier: MIT
#include <eddy/net/any_stream.hpp>

#include <eddy/error.hpp>

namespace eddy::inline v0_1 {

void AnyStream::throw_moved_from() { throw InvalidState("this AnyStream was moved from"); }

}  // namespace eddy::inline v0_1
