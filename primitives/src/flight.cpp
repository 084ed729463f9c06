// SPDX-License-Identifier: MIT
#include <eddy/detail/flight.hpp>

#include <string>

#include <eddy/detail/spawn_job.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

void require_other_job(const JoinHandle<void>& flight, const char* what) {
    if (flight.valid() && flight.id() == require_job(what).id) {
        throw InvalidState(std::string(what) +
                           ": the function of this flight asks for its own result, and would wait "
                           "for itself");
    }
}

void throw_used(const char* what) {
    throw InvalidState(std::string(what) +
                       ": this call has given its function away, to a flight; make a new call");
}

}  // namespace eddy::inline v0_1::detail
