// SPDX-License-Identifier: MIT
// Data execution prevention: the system's policy and this process's choice.

#include "k32.h"

DEP_SYSTEM_POLICY_TYPE WINAPI GetSystemDEPPolicy(VOID)
{
    return (DEP_SYSTEM_POLICY_TYPE)SharedUserData->NXSupportPolicy;
}

WINBOOL WINAPI GetProcessDEPPolicy(HANDLE Process, LPDWORD Flags, PBOOL Permanent)
{
    ULONG Options = 0;

    if (!BaseBool(NtQueryInformationProcess(Process, ProcessExecuteFlags, &Options, sizeof(Options), NULL))) {
        return FALSE;
    }
    *Flags = (Options & MEM_EXECUTE_OPTION_DISABLE) == 0 ? 0 : PROCESS_DEP_ENABLE;
    if (*Flags != 0 && (Options & MEM_EXECUTE_OPTION_DISABLE_THUNK_EMULATION) != 0) {
        *Flags |= PROCESS_DEP_DISABLE_ATL_THUNK_EMULATION;
    }
    *Permanent = (Options & MEM_EXECUTE_OPTION_PERMANENT) != 0;
    return TRUE;
}

// What is switched on stays on, as documented; 0 switches off where the policy leaves the choice.
WINBOOL WINAPI SetProcessDEPPolicy(DWORD Flags)
{
    ULONG Options = MEM_EXECUTE_OPTION_ENABLE;

    if ((Flags & ~(DWORD)(PROCESS_DEP_ENABLE | PROCESS_DEP_DISABLE_ATL_THUNK_EMULATION)) != 0) {
        return BaseFail(ERROR_INVALID_PARAMETER);
    }
    if ((Flags & PROCESS_DEP_ENABLE) != 0) {
        Options = MEM_EXECUTE_OPTION_DISABLE | MEM_EXECUTE_OPTION_PERMANENT;
    }
    if ((Flags & PROCESS_DEP_DISABLE_ATL_THUNK_EMULATION) != 0) {
        Options |= MEM_EXECUTE_OPTION_DISABLE_THUNK_EMULATION;
    }
    return BaseBool(NtSetInformationProcess(NtCurrentProcess(), ProcessExecuteFlags, &Options, sizeof(Options)));
}
