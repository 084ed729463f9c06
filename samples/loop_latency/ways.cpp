// SPDX-License-Identifier: MIT
#include "ways.hpp"

#include <functional>
#include <ranges>
#include <utility>

#include <eddy/map_bounded.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/task_group.hpp>
#include <eddy/yield.hpp>

eddy::Task<> hash_blocking(Way& way, Files files) {
    for (std::size_t index = 0; index < files.size(); ++index) {
        way.take(index, sha256({}, files[index]));  // the loop stands still meanwhile
        co_await eddy::yield();
    }
}

namespace {

/// One file, on the pool; told to stop when this job is cancelled.
eddy::Task<> offload(std::size_t index, Way& way, Files files, eddy::ThreadPool& pool) {
    Digest digest = co_await eddy::run_in_executor(pool, sha256, files[index]);
    way.take(index, std::move(digest));
}

}  // namespace

eddy::Task<> hash_offloaded(Way& way, Files files, eddy::ThreadPool& pool) {
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        for (std::size_t index = 0; index < files.size(); ++index) {
            group.spawn(offload(index, way, files, pool));
            co_await eddy::yield();  // to spawn thousands in one step would be a stall of our own
        }
    });
}

eddy::Task<> hash_bounded(Way& way, Files files, eddy::ThreadPool& pool, std::size_t in_flight) {
    co_await eddy::map_bounded(in_flight,
                               std::views::iota(std::size_t{0}, files.size()),
                               offload,
                               std::ref(way),
                               files,
                               std::ref(pool));
}
