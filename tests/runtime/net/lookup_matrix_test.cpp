// SPDX-License-Identifier: MIT
#include <thread>

#include <eddy/net/lookup_statistics.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/run.hpp>
#include <eddy/testing/wait_matrix.hpp>

#include "blocked_resolver.hpp"
#include "lookup_kit.hpp"

// The wait for a lookup in the matrix: one that runs, one that is shared, one that is queued.
// Virtual time stands still during a lookup; so a loop that ends with one under way uses up its
// grace in real time, and says so in the log.

namespace {

using namespace eddy::testing;
using eddy::Task;

/// Both jobs ask for the same.
class LookupFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;

    explicit LookupFixture(VirtualClock&) {
        std::thread([] { eddy::run(until_quiet()); }).join();
    }

    Task<> prepare() { co_return; }
    Task<> wait() { return look_up("known.matrix"); }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { resolver_.release(); }
    /// Nobody is left in a list of waiters, unless its job waits.
    [[nodiscard]] bool intact() const {
        const eddy::LookupStatistics now = eddy::lookup_statistics();
        return now.queued == 0 && now.running == now.abandoned;
    }

protected:
    static Task<> look_up(const char* name) {
        const Addresses found = co_await eddy::resolve(name, 80);
        CHECK(found == known_addresses(80));
    }

    BlockedResolver resolver_;
};
EDDY_WAIT_MATRIX("resolve", LookupFixture)

/// All threads hang, for nobody.
class QueuedLookupFixture : public LookupFixture {
public:
    explicit QueuedLookupFixture(VirtualClock& clock) : LookupFixture(clock) {
        leave_hanging(resolver_);
    }
};
EDDY_WAIT_MATRIX("resolve that finds no thread", QueuedLookupFixture)

}  // namespace
