// SPDX-License-Identifier: MIT
#include "net/lookup.hpp"

#include <memory>
#include <netdb.h>
#include <utility>

#include <uv.h>

#include <eddy/detail/inbox.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

#include "net/idna.hpp"
#include "net/lookup_flight.hpp"
#include "net/lookup_threads.hpp"

namespace eddy::inline v0_1::detail {

namespace {

/// libuv's number for one of the C library's, which differ from system to system.
int portable_number(int status) noexcept {
    switch (status) {
        case EAI_AGAIN:
            return UV_EAI_AGAIN;
        case EAI_BADFLAGS:
            return UV_EAI_BADFLAGS;
        case EAI_FAMILY:
            return UV_EAI_FAMILY;
        case EAI_MEMORY:
            return UV_EAI_MEMORY;
        case EAI_NONAME:
            return UV_EAI_NONAME;
        case EAI_SERVICE:
            return UV_EAI_SERVICE;
        case EAI_SOCKTYPE:
            return UV_EAI_SOCKTYPE;
#if defined(EAI_ADDRFAMILY)
        case EAI_ADDRFAMILY:
            return UV_EAI_ADDRFAMILY;
#endif
#if defined(EAI_NODATA)
        case EAI_NODATA:
            return UV_EAI_NODATA;
#endif
#if defined(EAI_OVERFLOW)
        case EAI_OVERFLOW:
            return UV_EAI_OVERFLOW;
#endif
        default:
            return UV_EAI_FAIL;
    }
}

}  // namespace

/// One job's question, in the flight of its name.
///
/// Whoever waits may leave at any moment. If its answer is under way by then, it frees itself when
/// it arrives; and so it does when its loop is over.
///
/// | field            | who                                                                    |
/// |------------------|------------------------------------------------------------------------|
/// | inbox_           | written before it has asked                                            |
/// | wait_            | the loop's thread                                                      |
/// | InboxNode        | the thread of the lookup, until it is pushed; then the loop's          |
class PendingLookup final : public InboxNode, public LookupRequest {
public:
    PendingLookup(LoopCore& core, Lookup& wait)
        : inbox_(core.inbox), threads_(LookupThreads::instance()), core_(core), wait_(&wait) {}

    [[nodiscard]] int ask(const LookupKey& key) {
        const int error = threads_.ask(*this, key);
        core_.in_flight += error == 0 ? 1U : 0U;
        return error;
    }

    /// Nobody waits any more.
    void let_go() noexcept {
        wait_ = nullptr;
        --core_.in_flight;
        if (!threads_.inherited() && threads_.leave(*this)) {
            delete this;
        }
    }

private:
    void answered() noexcept override {
        const std::shared_ptr<Inbox> inbox = inbox_;  // this may be gone before the push returns
        if (!inbox->push(*this)) {
            delete this;
        }
    }

    void deliver() override {
        const std::unique_ptr<PendingLookup> self(this);
        if (wait_ != nullptr) {
            --core_.in_flight;
            wait_->request_ = nullptr;
            wait_->answer_ = flight();
            wait_->commit();
        }
    }

    const std::shared_ptr<Inbox> inbox_;
    LookupThreads& threads_;
    LoopCore& core_;
    Lookup* wait_;  // null when nobody waits any more
};

namespace {

std::error_code code_of(int error) { return {error, std::system_category()}; }

}  // namespace

void Lookup::start() {
    LoopCore& core = *thread_state.core;
    EDDY_ASSERT(!core.root.closed);  // a job asks
    const std::string encoded = is_ascii(host_) ? std::string() : to_ascii_name(host_);
    const LookupKey key{.host = encoded.empty() ? host_ : encoded,
                        .service = service_,
                        .family = !options_.family                        ? AF_UNSPEC
                                  : *options_.family == AddressFamily::v6 ? AF_INET6
                                                                          : AF_INET};
    auto request = std::make_unique<PendingLookup>(core, *this);
    const int error = request->ask(key);
    if (error != 0) {
        throw IoError(code_of(error), "resolve " + host_ + ": no thread could be started");
    }
    request_ = request.release();
}

void Lookup::unlink() noexcept { std::exchange(request_, nullptr)->let_go(); }

void Lookup::fail(const LookupFlight& answer) const {
    throw IoError(answer.status() == EAI_SYSTEM
                      ? code_of(answer.error())
                      : std::error_code(portable_number(answer.status()), resolve_category()),
                  "resolve " + host_);
}

std::vector<Address> Lookup::take() {
    const std::shared_ptr<const LookupFlight> flight = std::move(answer_);
    if (flight->status() != 0) {
        fail(*flight);
    }
    return flight->addresses();
}

}  // namespace eddy::inline v0_1::detail
