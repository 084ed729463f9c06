// SPDX-License-Identifier: MIT
#include <eddy/remote_event.hpp>

#include "remote_flag.hpp"  // IWYU pragma: keep

namespace eddy::inline v0_1 {

bool RemoteEvent::set() const noexcept { return flag_->set(); }

bool RemoteEvent::closed() const noexcept { return flag_->closed(); }

}  // namespace eddy::inline v0_1
