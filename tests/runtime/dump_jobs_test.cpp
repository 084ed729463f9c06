// SPDX-License-Identifier: MIT
#include <eddy/dump_jobs.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

#include "test_kit.hpp"

using namespace std::chrono_literals;
using eddy::Task;
using eddy::TaskGroup;
using eddy::with_task_group;
using eddy::testing::Gate;
using eddy::testing::settle;

namespace {

constexpr int leaf_line = __LINE__ + 1;
Task<> waits_at(Gate& gate) { co_await gate.wait(); }
Task<> goes_through(Gate& gate) {
    co_await waits_at(gate);  // three lines below leaf_line
}
Task<> opens_group(Gate& gate) {
    co_await with_task_group([&gate](TaskGroup& group) -> Task<> {
        group.spawn(goes_through(gate), {.name = "child"});
        co_return;
    });
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::size_t begin = 0;
    while (begin < text.size()) {
        const std::size_t end = text.find('\n', begin);
        lines.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return lines;
}
/// The index of the first line that contains `part`, or the number of lines.
std::size_t find(const std::vector<std::string>& lines, std::string_view part) {
    std::size_t index = 0;
    while (index < lines.size() && lines[index].find(part) == std::string::npos) {
        ++index;
    }
    return index;
}
std::size_t indent(const std::string& line) { return line.find_first_not_of(' '); }

}  // namespace

EDDY_TEST_CASE("the dump names every job with its place, its wait and since when") {
    Gate gate;
    auto job = eddy::spawn(goes_through(gate), {.name = "walker"});
    co_await eddy::sleep_for(1500ms);
    const std::string dump = eddy::dump_jobs();
    const auto lines = lines_of(dump);
    const std::size_t walker = find(lines, "walker #2");
    REQUIRE(walker + 2 < lines.size() + 1);
    CHECK(lines[walker].find("(dump_jobs_test.cpp:") != std::string::npos);
    CHECK(lines[walker].find("waits for Gate since 1.500 s") != std::string::npos);
    // Below it its awaits, outermost first, by file and line.
    CHECK(lines[walker + 1].find("dump_jobs_test.cpp:" + std::to_string(leaf_line + 2) +
                                 " in goes_through") != std::string::npos);
    CHECK(lines[walker + 2].find("dump_jobs_test.cpp:" + std::to_string(leaf_line) +
                                 " in waits_at") != std::string::npos);
    const std::size_t self = find(lines, "main #1");
    REQUIRE(self < lines.size());
    CHECK(lines[self].find("running") != std::string::npos);
    CHECK(dump == eddy::dump_jobs());  // looking changes nothing
    gate.open();
    const auto ready = lines_of(eddy::dump_jobs());
    CHECK(ready[find(ready, "walker")].find("ready") != std::string::npos);
    co_await job;
    CHECK(find(lines_of(eddy::dump_jobs()), "walker") == lines_of(eddy::dump_jobs()).size());
}

EDDY_TEST_CASE("children of a group stand below their host, indented") {
    Gate gate;
    auto job = eddy::spawn(opens_group(gate), {.name = "host"});
    co_await settle();
    const auto lines = lines_of(eddy::dump_jobs());
    const std::size_t host = find(lines, "host #");
    const std::size_t child = find(lines, "child #");
    REQUIRE(child < lines.size());
    CHECK(host < child);
    CHECK(indent(lines[child]) > indent(lines[host]));
    CHECK(lines[host].find("waits for its children") != std::string::npos);
    gate.open();
    co_await job;
}

EDDY_TEST_CASE("a cancelled job that goes on says so") {
    Gate gate;
    auto job = eddy::spawn(eddy::shield(waits_at(gate)), {.name = "stubborn"});
    co_await settle();
    job.cancel();
    const auto lines = lines_of(eddy::dump_jobs());
    const std::size_t at = find(lines, "stubborn #");
    REQUIRE(at < lines.size());
    CHECK(lines[at].find("cancelled") != std::string::npos);
    gate.open();
    co_await job;
}

EDDY_TEST_CASE("a job without a name is called by its number") {
    Gate gate;
    auto job = eddy::spawn(waits_at(gate));
    co_await settle();
    CHECK(eddy::dump_jobs().find("job #2 (") != std::string::npos);
    gate.open();
    co_await job;
}

EDDY_TEST_CASE("a job that waits for another one's end says whose") {
    Gate gate;
    auto child = eddy::spawn(waits_at(gate), {.name = "child"});
    auto one =
        eddy::spawn([](eddy::JoinHandle<void>& h) -> Task<> { co_await h; }, std::ref(child));
    auto two = eddy::spawn([](eddy::JoinHandle<void>& h) -> Task<> { co_await h.wait(); },
                           std::ref(child));
    co_await settle();
    const auto lines = lines_of(eddy::dump_jobs());
    std::size_t waiting = 0;
    for (const std::string& line : lines) {
        waiting += line.find("waits for the end of child #2 since 0.000 s") != line.npos ? 1U : 0U;
    }
    CHECK(waiting == 2);
    gate.open();
    co_await one;
    co_await two;
}

EDDY_TEST_CASE("every await of a chain has its function, in words a person would use") {
    Gate gate;
    auto job = eddy::spawn(eddy::fail_after(1h, opens_group(gate)), {.name = "host"});
    co_await settle();
    const auto lines = lines_of(eddy::dump_jobs());
    const std::size_t host = find(lines, "host #");
    REQUIRE(host + 3 < lines.size());
    // The body of the group has ended; fail_after and with_task_group are not the user's.
    CHECK(lines[host + 1].find("    dump_jobs_test.cpp:") == 0);
    CHECK(lines[host + 1].ends_with(" in opens_group"));
    CHECK(lines[host + 2].find("child #") != std::string::npos);
    gate.open();
    co_await job;

    struct Session {
        Gate gate;
        Task<int> run(int) {
            const auto inner = [this](auto) -> Task<> { co_await gate.wait(); };
            co_await inner(1);
            co_return 1;
        }
    };
    Session session;
    auto lambda = eddy::spawn(session.run(1), {.name = "session"});
    co_await settle();
    const auto chain = lines_of(eddy::dump_jobs());
    const std::size_t at = find(chain, "session #");
    REQUIRE(at + 2 < chain.size());
    CHECK(chain[at + 1].ends_with("Session::run"));
    CHECK(chain[at + 2].ends_with("Session::run::<lambda>"));
    session.gate.open();
    co_await lambda;
}

namespace {

Task<> descends(Gate& gate, int depth) {
    if (depth > 0) {
        co_await descends(gate, depth - 1);
    } else {
        co_await waits_at(gate);
    }
}

Task<> nests(Gate& gate, int depth) {
    if (depth == 0) {
        co_await gate.wait();
        co_return;
    }
    co_await with_task_group([&gate, depth](TaskGroup& group) -> Task<> {
        group.spawn(nests(gate, depth - 1));
        co_return;
    });
}

}  // namespace

EDDY_TEST_CASE("of a deep chain the first and the last awaits are shown") {
    Gate gate;
    auto job = eddy::spawn(descends(gate, 100'000), {.name = "diver"});
    co_await settle();
    const auto lines = lines_of(eddy::dump_jobs());
    const std::size_t diver = find(lines, "diver #");
    REQUIRE(lines.size() >= diver + 34);
    CHECK(lines[diver + 17] == "    ... 99970 more ...");
    CHECK(lines[diver + 33].ends_with(":" + std::to_string(leaf_line) + " in waits_at"));
    CHECK(lines.size() < 40 + diver);
    gate.open();
    co_await job;
}

EDDY_TEST_CASE("the dump of jobs far below others grows with their number, not with its square") {
    Gate gate;
    constexpr int depth = 2000;
    auto job = eddy::spawn(nests(gate, depth));
    co_await settle();
    const std::string dump = eddy::dump_jobs();
    CHECK(dump.size() < std::size_t{depth} * 250);
    CHECK(find(lines_of(dump), "job #" + std::to_string(depth + 2) + " ") < depth * 3);
    gate.open();
    co_await job;
}

TEST_CASE("there is nothing to dump outside a loop") {
    CHECK_THROWS_AS(static_cast<void>(eddy::dump_jobs()), eddy::InvalidState);
}

EDDY_TEST_CASE("a job's name forges no line of the dump") {
    Gate gate;
    auto job = eddy::spawn(waits_at(gate), {.name = "peer\n  main#1 (\x1b[1mforged)"});
    co_await settle();
    const std::string dump = eddy::dump_jobs();
    CHECK(dump.find("peer\\n  main#1 (\\x1b[1mforged)") != std::string::npos);
    CHECK(dump.find('\x1b') == std::string::npos);
    gate.open();
    co_await job;
}
