// SPDX-License-Identifier: MIT
// How late a tick of 1 ms is on a loop that has other things to do: Eddy, Boost.Asio, plain libuv.
// See README.md for the rows, and tick.hpp for what is measured, in wall time and in CPU time.
#include <string>
#include <vector>

#include "bare_timerfd.hpp"
#include "command_line.hpp"
#include "responsive_asio.hpp"
#include "responsive_asio_bursts.hpp"
#include "responsive_eddy.hpp"
#include "responsive_uv.hpp"
#include "responsive_uv_bursts.hpp"
#include "responsiveness.hpp"

namespace bench::responsive {

namespace {

std::vector<Row> rows() {
    const Limit soon{"CPU p99 <= 1,500", cpu_p99, 1500, ""};
    const std::vector<std::string> first_round{"first round wall max", "first round CPU max"};
    return {
        {.name = "a",
         .title = "one job computes 1 ms and yields, for ever",
         .contenders = {{"eddy", eddys::loaded<eddys::one_computes>},
                        {"libuv", uvs::loaded<uvs::Computing<1, 1'000'000>>},
                        {"asio", asios::loaded<asios::one_computes>}},
         .limits = {soon},
         .extras = {}},
        {.name = "b",
         .title = "1,000 jobs compute 50 us each and yield",
         .contenders = {{"eddy", eddys::loaded<eddys::many_compute>},
                        {"libuv", uvs::loaded<uvs::Computing<crowd, 50'000>>},
                        {"asio", asios::loaded<asios::many_compute>}},
         .limits = {soon, {"CPU p99 ahead of asio", cpu_p99, 0, "asio"}},
         .extras = first_round},
        {.name = "c",
         .title = "a client never stops sending into a handler that reads 4 KiB at a time",
         .contenders = {{"eddy", eddys::loaded<eddys::read_for_long>},
                        {"libuv", uvs::loaded<uvs::Reading>},
                        {"asio", asios::loaded<asios::read_for_long>}},
         .limits = {soon},
         .extras = {}},
        {.name = "d",
         .title = "100,000 posts arrive at once",
         .contenders = {{"eddy", eddys::loaded<eddys::posts>},
                        {"libuv", uvs::loaded<uvs::Posts>},
                        {"asio", asios::loaded<asios::posts>}},
         .limits = {{"CPU max <= 2,000", cpu_max, 2000, ""},
                    {"CPU max ahead of asio", cpu_max, 0, "asio"}},
         .extras = {}},
        {.name = "e",
         .title = "a job spawns 100,000 and yields after every 1,000",
         .contenders = {{"eddy", eddys::loaded<eddys::spawns>},
                        {"asio", asios::loaded<asios::spawns>}},
         .limits = {soon, {"CPU p99 ahead of asio", cpu_p99, 0, "asio"}},
         .extras = {}},
        {.name = "f",
         .title = "a cancelled job swallows its cancellation for ever; grace 0.2 s",
         .contenders = {{"eddy", eddys::swallow},
                        {"asio", asios::swallow<true>},
                        {"asio no throw", asios::swallow<false>}},
         .limits = {{"ends after at most 0.3 s", first_extra, 0.3, ""},
                    {"end ahead of asio", first_extra, 0, "asio"}},
         .extras = {"ended after seconds"},
         .time_limit = 3},
        {.name = "g",
         .title = "workers burn all processors; with +, beside a program that burns them too",
         .contenders = {{"eddy nice 0", eddys::burners<0, false>},
                        {"eddy nice 5", eddys::burners<5, false>},
                        {"eddy nice 10", eddys::burners<10, false>},
                        {"asio", asios::burners<false>},
                        {"eddy nice 0 +", eddys::burners<0, true>},
                        {"eddy nice 5 +", eddys::burners<5, true>},
                        {"eddy nice 10 +", eddys::burners<10, true>},
                        {"asio +", asios::burners<true>}},
         .limits = {},
         .extras = {"wall p99.9", "work done M/s"}},
        {.name = "h1",
         .title = "100,000 offloads finish at once",
         .contenders = {{"eddy", eddys::loaded<eddys::results>},
                        {"libuv", uvs::loaded<uvs::Results>},
                        {"asio", asios::loaded<asios::results>}},
         .limits = {{"CPU max <= 10,000", cpu_max, 10'000, ""},
                    {"CPU max ahead of asio", cpu_max, 0, "asio"}},
         .extras = {}},
        {.name = "h2",
         .title = "100,000 sleepers fall due at once",
         .contenders = {{"eddy", eddys::loaded<eddys::sleepers>},
                        {"libuv", uvs::loaded<uvs::Sleepers>},
                        {"asio", asios::loaded<asios::sleepers>}},
         .limits = {{"CPU max <= 10,000", cpu_max, 10'000, ""},
                    {"CPU max ahead of asio", cpu_max, 0, "asio"}},
         .extras = {}},
        {.name = "i",
         .title = "latency of a request through four jobs, among 1,000 that compute 5 us and yield",
         .contenders = {{"eddy", eddys::requests}, {"asio", asios::requests}},
         .limits = {{"CPU p99 <= 2,000", cpu_p99, 2000, ""},
                    {"CPU p99 ahead of asio", cpu_p99, 0, "asio"}},
         .extras = {}},
        {.name = "sleep",
         .title = "a sleep of 200 us on an idle loop",
         .contenders = {{"eddy", eddys::sleep},
                        {"timerfd", timerfd_sleep},
                        {"libuv", uvs::sleep},
                        {"asio", asios::sleep}},
         .limits = {{"wall p50 <= 60", wall_p50, 60, ""},
                    {"wall p50 <= timerfd + 15", wall_p50, 15, "timerfd"}},
         .extras = {}},
        {.name = "idle",
         .title = "the lag that LoopMetrics finds on an idle loop",
         .contenders = {{"eddy", eddys::lag}},
         .limits = {{"wall p50 <= 100", wall_p50, 100, ""}},
         .extras = {}},
    };
}

}  // namespace
}  // namespace bench::responsive

int main(int count, char** arguments) {
    const bench::Amount<double> seconds{.name = "--seconds",
                                        .what = "of load for each contender",
                                        .least = 0.1,
                                        .most = 60,
                                        .value = 1};
    return bench::run_main(
        count, arguments, bench::responsive::rows(), seconds, bench::responsive::print_header);
}
