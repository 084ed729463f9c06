// SPDX-License-Identifier: MIT
// The whole program of somebody who uses Eddy.
#include <eddy/run.hpp>
#include <eddy/task.hpp>

namespace {

eddy::Task<int> answer() { co_return 42; }

}  // namespace

int main() { return eddy::run(answer()) == 42 ? 0 : 1; }
