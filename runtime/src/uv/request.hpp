// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include <uv.h>

#include <eddy/detail/loop_core.hpp>

namespace eddy::detail {

/// The loop does not end between these two.
void request_started(LoopCore& core) noexcept;
void request_ended(Driver& driver) noexcept;

/// Something libuv does for us on a thread of its pool, and cannot be stopped doing.
///
/// The one implementation of how a request lives and dies (runtime/README.md, "Handles and
/// requests"). The object owns all that libuv reads and writes. Whoever waits may let go at any
/// moment: the request then goes on alone, and frees itself when libuv calls back, as one that is
/// answered does. The loop does not end before.
///
/// `R` is a uv request type. A derived class is made by new, fills `request_`, starts it with
/// `completed` as its callback, and says so with `started`.
template <class R>
class Request {
public:
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

    /// Nobody waits any more. It never runs if it is still queued.
    void let_go() noexcept {
        wanted_ = false;
        --core_.in_flight;
        static_cast<void>(uv_cancel(reinterpret_cast<uv_req_t*>(&request_)));  // EBUSY: it runs
    }

protected:
    explicit Request(LoopCore& core) noexcept : core_(core) { request_.data = this; }
    virtual ~Request() = default;

    /// libuv has taken it. Until it completes or is let go of, virtual time stands still.
    void started() noexcept {
        wanted_ = true;
        ++core_.in_flight;
        request_started(core_);
    }

    /// Somebody still waits, and the request is about to go: take out of it what they want.
    virtual void deliver() noexcept = 0;

    /// For the callback of the request: delivers, and frees the object.
    static void completed(R* request) noexcept {
        auto* const self = static_cast<Request*>(request->data);
        Driver& driver = *self->core_.driver;
        if (self->wanted_) {
            --self->core_.in_flight;
            self->deliver();
        }
        delete self;
        request_ended(driver);
    }

    LoopCore& core_;
    R request_{};

private:
    bool wanted_ = false;
};

}  // namespace eddy::detail
