// SPDX-License-Identifier: MIT
// What the core of the runtime costs, beside Boost.Asio and plain libuv: see README.md.
#include <vector>

#include "cancel.hpp"
#include "command_line.hpp"
#include "counting_new.hpp"
#include "memory.hpp"
#include "post.hpp"
#include "tasks.hpp"
#include "timers.hpp"

int main(int count, char** arguments) {
    std::vector<bench::Row> rows;
    bench::add_task_rows(rows);
    bench::add_timer_rows(rows);
    bench::add_cancel_rows(rows);
    bench::add_memory_rows(rows);
    bench::add_post_rows(rows);
    return bench::run_main(count, arguments, rows);
}
