// SPDX-License-Identifier: MIT
#include "descriptor_count.hpp"

#include <chrono>
#include <cstdio>
#include <dirent.h>
#include <thread>

#include <doctest/doctest.h>

#include <eddy/loop.hpp>

namespace eddy::testing {

namespace {

bool leaked = false;

std::size_t count_entries() {
    std::size_t count = 0;
    if (DIR* const folder = opendir("/proc/self/fd")) {
        while (readdir(folder) != nullptr) {
            ++count;
        }
        closedir(folder);
    }
    return count;
}

/// Compares before and after, whatever loops, hosts and threads the test case had.
class DescriptorListener final : public doctest::IReporter {
public:
    explicit DescriptorListener(const doctest::ContextOptions&) {}

    void report_query(const doctest::QueryData&) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats&) override {}
    void test_case_start(const doctest::TestCaseData& test) override {
        test_ = &test;
        before_ = open_fds();
    }
    void test_case_reenter(const doctest::TestCaseData&) override {}
    void test_case_end(const doctest::CurrentTestCaseStats&) override {
        const std::size_t after = open_fds_after_lookups(before_);
        if (after != before_) {  // doctest has counted its failures already
            leaked = true;
            std::fprintf(stderr,
                         "%s(%u): ERROR: \"%s\" began with %zu descriptors and left %zu\n",
                         test_->m_file.c_str(),
                         test_->m_line,
                         test_->m_name,
                         before_,
                         after);
        }
    }
    void test_case_exception(const doctest::TestCaseException&) override {}
    void subcase_start(const doctest::SubcaseSignature&) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData&) override {}
    void log_message(const doctest::MessageData&) override {}
    void test_case_skipped(const doctest::TestCaseData&) override {}

private:
    const doctest::TestCaseData* test_ = nullptr;
    std::size_t before_ = 0;
};

DOCTEST_REGISTER_LISTENER("descriptors", 1, DescriptorListener);

}  // namespace

std::size_t open_fds() {
    static const bool warm = [] {
        const Loop loop;  // libuv keeps a few for the process from its first loop on
        return true;
    }();
    static_cast<void>(warm);
    return count_entries();
}

std::size_t open_fds_after_lookups(std::size_t expected) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    std::size_t now = open_fds();
    while (now != expected && std::chrono::steady_clock::now() < end) {
        std::this_thread::yield();
        now = open_fds();
    }
    return now;
}

bool descriptors_leaked() noexcept { return leaked; }

}  // namespace eddy::testing
