// SPDX-License-Identifier: MIT
#include <eddy/detail/flight.hpp>

#include <string>

#include <eddy/detail/spawn_job.hpp>

namespace eddy::detail {

void require_other_job(const JoinHandle<void>& flight, const char* what) {
    if (flight.valid() && flight.id() == require_job(what).id) {
        throw InvalidState(std::string(what) +
                           ": the function of this flight asks for its own result, and would wait "
                           "for itself");
    }
}

}  // namespace eddy::detail
