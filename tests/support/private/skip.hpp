// SPDX-License-Identifier: MIT
#pragma once

#include <iostream>
#include <string_view>

namespace eddy::testing {

/// Says that this machine cannot show what a test, or a part of it, is about; the test goes on or
/// ends well. Continuous integration takes it for a failure unless `.ci/skips` lists the test.
inline void skip(std::string_view reason) { std::cout << "[skipped] " << reason << std::endl; }

}  // namespace eddy::testing
