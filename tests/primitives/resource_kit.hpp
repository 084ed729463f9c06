// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/resource_pool.hpp>
#include <eddy/task.hpp>

/// Resources that keep account of their lives.

namespace eddy::testing {

/// What became of all that were made.
struct Ledger {
    int made = 0;
    std::size_t most_alive = 0;
    std::set<int> alive;
    std::vector<int> closed;  // in order
};

/// Moves, and counts as one wherever it is.
class Thing final {
public:
    explicit Thing(Ledger& ledger) : ledger_(&ledger), number_(++ledger.made) {
        ledger.alive.insert(number_);
        ledger.most_alive = std::max(ledger.most_alive, ledger.alive.size());
    }
    Thing(Thing&& other) noexcept
        : ledger_(std::exchange(other.ledger_, nullptr)), number_(other.number_) {}
    Thing& operator=(Thing&&) = delete;
    ~Thing() {
        if (ledger_ != nullptr) {
            ledger_->alive.erase(number_);
            ledger_->closed.push_back(number_);
        }
    }

    [[nodiscard]] int number() const noexcept { return number_; }

    int uses = 0;
    bool bad = false;

private:
    Ledger* ledger_;
    int number_;
};

inline Task<Thing> make_thing(Ledger& ledger) { co_return Thing(ledger); }

using Things = ResourcePool<Thing>;

/// How a task that returns something ended: "", or the kind of its error.
template <class T>
Task<std::string> end_of(Task<T> task) {
    std::string end;
    try {
        static_cast<void>(co_await std::move(task));
    } catch (const ClosedResource&) {
        end = "closed";
    } catch (const InvalidState&) {
        end = "invalid";
    } catch (const std::exception& error) {
        end = error.what();
    } catch (int) {
        end = "int";
    }
    co_return end;
}

}  // namespace eddy::testing
