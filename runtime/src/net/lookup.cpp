// SPDX-License-Identifier: MIT
#include "net/lookup.hpp"

#include <algorithm>
#include <cerrno>
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
#include "net/lookup_threads.hpp"
#include "net/sockaddr.hpp"

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

/// A call of getaddrinfo, with all that it reads and writes.
///
/// Whoever waits may leave at any moment; the call then goes on alone, and frees itself when it is
/// answered. So it does when its loop is over by then.
///
/// | field            | who                                                                   |
/// |------------------|-----------------------------------------------------------------------|
/// | host_, service_, hints_, inbox_ | written before it is submitted                         |
/// | answer_, status_, error_        | its thread, until it is pushed; then the loop's        |
/// | wait_            | the loop's thread                                                     |
class LookupRequest final : public InboxNode, public LookupWork {
public:
    LookupRequest(LoopCore& core, Lookup& wait, std::string host, const addrinfo& hints)
        : host_(std::move(host)),
          service_(wait.service_),
          hints_(hints),
          inbox_(core.inbox),
          threads_(LookupThreads::instance()),
          core_(core),
          wait_(&wait) {}
    ~LookupRequest() override {
        if (answer_ != nullptr) {
            freeaddrinfo(answer_);
        }
    }

    [[nodiscard]] int submit() noexcept {
        ++core_.in_flight;
        const int error = threads_.submit(*this);
        if (error != 0) {
            --core_.in_flight;
        }
        return error;
    }

    /// Nobody waits any more. It never runs if it is still queued.
    void let_go() noexcept {
        wait_ = nullptr;
        --core_.in_flight;
        if (!threads_.inherited() && threads_.withdraw(*this)) {
            delete this;
        }
    }

private:
    void run() noexcept override {
        const char* const service = service_.empty() ? nullptr : service_.c_str();
        status_ = getaddrinfo(host_.c_str(), service, &hints_, &answer_);
        error_ = errno;
        const std::shared_ptr<Inbox> inbox = inbox_;  // this may be gone before the push returns
        if (!inbox->push(*this)) {
            delete this;
        }
    }

    void deliver() override {
        const std::unique_ptr<LookupRequest> self(this);
        if (wait_ != nullptr) {
            --core_.in_flight;
            wait_->request_ = nullptr;
            wait_->status_ = status_;
            wait_->error_ = error_;
            wait_->answer_ = std::exchange(answer_, nullptr);
            wait_->commit();
        }
    }

    const std::string host_;
    const std::string service_;
    const addrinfo hints_;
    const std::shared_ptr<Inbox> inbox_;
    LookupThreads& threads_;
    LoopCore& core_;
    Lookup* wait_;  // null when nobody waits any more
    addrinfo* answer_ = nullptr;
    int status_ = 0;
    int error_ = 0;
};

namespace {

std::error_code code_of(int error) { return {error, std::system_category()}; }

}  // namespace

void Lookup::start() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_family = !options_.family                        ? AF_UNSPEC
                      : *options_.family == AddressFamily::v6 ? AF_INET6
                                                              : AF_INET;
    LoopCore& core = *thread_state.core;
    EDDY_ASSERT(!core.root.closed);  // a job asks
    auto request = std::make_unique<LookupRequest>(core, *this, to_ascii_name(host_), hints);
    const int error = request->submit();
    if (error == ENOBUFS) {
        throw IoError(code_of(error),
                      "resolve " + host_ + ": too many lookups are waiting for a thread");
    }
    if (error != 0) {
        throw IoError(code_of(error), "resolve " + host_ + ": no thread could be started");
    }
    request_ = request.release();
}

void Lookup::unlink() noexcept { std::exchange(request_, nullptr)->let_go(); }

void Lookup::free_answer() noexcept {
    if (answer_ != nullptr) {
        freeaddrinfo(static_cast<addrinfo*>(std::exchange(answer_, nullptr)));
    }
}

void Lookup::fail() const {
    throw IoError(status_ == EAI_SYSTEM
                      ? code_of(error_)
                      : std::error_code(portable_number(status_), resolve_category()),
                  "resolve " + host_);
}

std::vector<Address> Lookup::take() {
    struct Freed final {
        explicit Freed(Lookup& owner) noexcept : lookup(owner) {}
        Freed(const Freed&) = delete;
        Freed& operator=(const Freed&) = delete;
        ~Freed() { lookup.free_answer(); }
        Lookup& lookup;
    };
    const Freed freed(*this);
    if (status_ != 0) {
        fail();
    }
    std::vector<Address> addresses;
    for (auto* item = static_cast<const addrinfo*>(answer_); item != nullptr;
         item = item->ai_next) {
        const bool known = item->ai_family == AF_INET || item->ai_family == AF_INET6;
        const Address address = known ? from_sockaddr(item->ai_addr) : Address();
        if (known && std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
            addresses.push_back(address);
        }
    }
    return addresses;
}

}  // namespace eddy::inline v0_1::detail
