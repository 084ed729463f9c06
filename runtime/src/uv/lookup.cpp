// SPDX-License-Identifier: MIT
#include "lookup.hpp"

#include <algorithm>
#include <memory>
#include <netdb.h>
#include <utility>

#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>

#include "../net/sockaddr.hpp"
#include "driver.hpp"
#include "request.hpp"

namespace eddy {

namespace {

/// What uv_getaddrinfo fails with, apart from errors of the system.
class ResolveCategory final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "resolve"; }
    [[nodiscard]] std::string message(int code) const override { return uv_strerror(code); }
};

}  // namespace

const std::error_category& resolve_category() noexcept {
    static const ResolveCategory category;
    return category;
}

namespace detail {

class LookupRequest final : public Request<uv_getaddrinfo_t> {
public:
    static LookupRequest* start(LoopCore& core, Lookup& lookup, const addrinfo& hints) {
        std::unique_ptr<LookupRequest> made(new LookupRequest(core, lookup));
        const char* service = lookup.service_.empty() ? nullptr : lookup.service_.c_str();
        const int result = uv_getaddrinfo(core.driver->loop(),
                                          &made->request_,
                                          &LookupRequest::answered,
                                          lookup.host_.c_str(),
                                          service,
                                          &hints);
        if (result < 0) {
            made->fail(result);
        }
        made->started();
        return made.release();
    }

    [[noreturn]] static void fail(int status, const std::string& host) {
        const bool of_resolver = status <= UV_EAI_ADDRFAMILY;  // -3000, and below it the others
        throw IoError(of_resolver ? std::error_code(status, resolve_category())
                                  : std::error_code(-status, std::system_category()),
                      "resolve " + host);
    }

private:
    friend std::default_delete<LookupRequest>;

    LookupRequest(LoopCore& core, Lookup& lookup) noexcept : Request(core), lookup_(lookup) {}
    ~LookupRequest() override { uv_freeaddrinfo(answer_); }

    [[noreturn]] void fail(int status) const { fail(status, lookup_.host_); }

    static void answered(uv_getaddrinfo_t* request, int status, addrinfo* answer) {
        auto& self = *static_cast<LookupRequest*>(static_cast<Request*>(request->data));
        self.status_ = status;
        self.answer_ = answer;
        completed(request);
    }

    void deliver() noexcept override {
        lookup_.request_ = nullptr;
        lookup_.status_ = status_;
        lookup_.answer_ = std::exchange(answer_, nullptr);
        lookup_.commit();
    }

    Lookup& lookup_;  // valid while wanted
    int status_ = 0;
    addrinfo* answer_ = nullptr;
};

void Lookup::start() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_family = !options_.family                        ? AF_UNSPEC
                      : *options_.family == AddressFamily::v6 ? AF_INET6
                                                              : AF_INET;
    LoopCore& core = *thread_state.core;
    if (core.root.closed) {
        throw LoopClosed("resolve: the loop is ending");
    }
    request_ = LookupRequest::start(core, *this, hints);
}

void Lookup::unlink() noexcept { std::exchange(request_, nullptr)->let_go(); }

void Lookup::free_answer() noexcept {
    uv_freeaddrinfo(static_cast<addrinfo*>(std::exchange(answer_, nullptr)));
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
    if (status_ < 0) {
        LookupRequest::fail(status_, host_);
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

}  // namespace detail
}  // namespace eddy
