// SPDX-License-Identifier: MIT
// To acquire runs code of the user's: it races, and is not selected.

#include <eddy/race.hpp>
#include <eddy/resource_pool.hpp>
#include <eddy/select.hpp>

using Pool = eddy::ResourcePool<int>;

eddy::Task<> correct(Pool& one, Pool& other) {
    const auto lease = co_await eddy::race(one.acquire(), other.acquire());
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong(Pool& one, Pool& other) {
    const auto lease = co_await eddy::select(one.acquire(), other.acquire());
}
#endif
