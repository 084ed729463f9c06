// SPDX-License-Identifier: MIT
#include <eddy/set_log.hpp>

#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/log_observer.hpp>
#include <eddy/report_failure.hpp>

#include "log_kit.hpp"

namespace {

using eddy::LogLevel;
using Lines = std::vector<std::pair<LogLevel, std::string>>;

std::mutex heard_mutex;

Lines& heard() {
    static Lines lines;
    return lines;
}

void hear(LogLevel level, std::string_view text) noexcept {
    const std::lock_guard lock(heard_mutex);
    heard().emplace_back(level, text);
}

/// While it lives, `hear` is what Eddy logs to.
class Listening final {
public:
    explicit Listening(LogLevel least = LogLevel::info) {
        heard().clear();
        eddy::set_log(&hear, least);
    }
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;
    ~Listening() { eddy::set_log(nullptr); }
};

void fail(const std::string& what, std::string_view where) {
    eddy::report_failure(std::make_exception_ptr(std::runtime_error(what)), where);
}

}  // namespace

TEST_CASE("a function gets what is logged, with its level") {
    const Listening listening;
    fail("no more paper", "the printer");
    REQUIRE(heard().size() == 1);
    CHECK(heard()[0].first == LogLevel::error);
    CHECK(heard()[0].second == "the printer failed: no more paper");
}

TEST_CASE("what others have written is one line without control characters") {
    const Listening listening;
    fail(
        "no \x1b[2Jhost\n[error] forged\t\x7f \xc2\x9b b\xc3\xbc"
        "cher \xff",
        "the lookup");
    REQUIRE(heard().size() == 1);
    CHECK(heard()[0].second ==
          "the lookup failed: no \\x1b[2Jhost\\n[error] forged\\t\\x7f \\xc2\\x9b b\xc3\xbc"
          "cher "
          "\\xff");
}

TEST_CASE("a text that is cut ends with a whole character") {
    const Listening listening;
    std::string long_text = "x";  // so that the limit is within one
    for (int i = 0; i < 10'000; ++i) {
        long_text += "\xe2\x82\xac";
    }
    for (const char* const where : {"0", "01", "012"}) {
        fail(long_text, where);
        const std::string& text = heard().back().second;
        const std::size_t end = text.rfind("\xe2\x82\xac...");
        CHECK(end != std::string::npos);
    }
}

TEST_CASE("a function gets nothing below its level") {
    const Listening listening(LogLevel::error);
    eddy::LogObserver().job_left({}, "a handler");  // a warning
    fail("one", "an error");
    REQUIRE(heard().size() == 1);
    CHECK(heard()[0].second == "an error failed: one");
}

TEST_CASE("a function comes before the logger, and goes for good") {
    const eddy::testing::LogCapture logger;
    {
        const Listening listening;
        fail("first", "this place");
    }
#if !EDDY_WITH_SPDLOG
    const eddy::testing::LogCapture again;  // there is but one place for a function
#endif
    CHECK(heard().size() == 1);
    CHECK(logger.lines().empty());
    fail("second", "that place");
    CHECK(heard().size() == 1);
    CHECK(logger.count("that place failed: second") == 1);
}

TEST_CASE("a function is called on the thread that has something to say") {
    const Listening listening;
    std::thread([] { fail("over there", "another thread"); }).join();
    REQUIRE(heard().size() == 1);
    CHECK(heard()[0].second.starts_with("another thread failed"));
}
