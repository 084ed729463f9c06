// SPDX-License-Identifier: MIT
// What is said while a process ends: by a static object that was made before the first message, and
// with a standard error that takes nothing.
//
//     log_at_exit          says two things, the second after spdlog's registry has gone
//     log_at_exit full     says as much into a full pipe, and ends with 0
//     log_at_exit function says the second to a function, on standard output
#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unistd.h>

#include <eddy/report_failure.hpp>
#include <eddy/run.hpp>
#include <eddy/set_log.hpp>

namespace {

void fail_somewhere(const char* what, const char* where) {
    eddy::report_failure(std::make_exception_ptr(std::runtime_error(what)), where);
}

struct SaysSomethingAtItsEnd {
    SaysSomethingAtItsEnd() = default;
    SaysSomethingAtItsEnd(const SaysSomethingAtItsEnd&) = delete;
    SaysSomethingAtItsEnd& operator=(const SaysSomethingAtItsEnd&) = delete;
    ~SaysSomethingAtItsEnd() { fail_somewhere("late", "a static object"); }
};

const SaysSomethingAtItsEnd made_before_the_first_message;

eddy::Task<> fails() {
    throw std::runtime_error("the main task");
    co_return;
}

/// Nobody reads the pipe, whose other end stays open.
bool fill_standard_error() {
    int ends[2] = {-1, -1};
    if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0) {
        return false;
    }
    fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
    const std::string filling(4096, '#');
    for (std::size_t size = filling.size(); size != 0; size /= 2) {  // to the last byte
        while (write(STDERR_FILENO, filling.data(), size) > 0) {
        }
    }
    fcntl(STDERR_FILENO, F_SETFL, 0);
    return true;
}

}  // namespace

int main(int count, char** arguments) {
    const std::string_view what = count > 1 ? arguments[1] : "";
    if (what == "full" && !fill_standard_error()) {
        return 2;
    }
    if (what == "full" && eddy::run_main(fails()) != 1) {
        return 3;
    }
    fail_somewhere("early", "main");
    if (what == "function" || what == "counts") {
        eddy::set_log([](eddy::LogLevel, std::string_view text) noexcept {
            const std::string line = "heard: " + std::string(text) + "\n";
            static_cast<void>(!write(STDOUT_FILENO, line.data(), line.size()));
        });
    }
    for (int i = 0; what == "counts" && i < 25; ++i) {
        fail_somewhere("again", "main");
    }
    return 0;
}
