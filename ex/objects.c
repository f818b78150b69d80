// SPDX-License-Identifier: MIT
// The types of the executive objects. Their bodies are Ke's dispatcher objects (or begin with one), so a wait goes
// straight to offset 0.

#include "exp.h"

POBJECT_TYPE ExEventObjectType, ExSemaphoreObjectType, ExMutantObjectType, ExTimerObjectType;

static const GENERIC_MAPPING ExpEventMapping = {STANDARD_RIGHTS_READ | 1, STANDARD_RIGHTS_WRITE | EVENT_MODIFY_STATE,
                                                STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, EVENT_ALL_ACCESS};
static const GENERIC_MAPPING ExpMutantMapping = {STANDARD_RIGHTS_READ | MUTANT_QUERY_STATE, STANDARD_RIGHTS_WRITE,
                                                 STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, MUTANT_ALL_ACCESS};
static const GENERIC_MAPPING ExpSemaphoreMapping = {STANDARD_RIGHTS_READ | 1,
                                                    STANDARD_RIGHTS_WRITE | SEMAPHORE_MODIFY_STATE,
                                                    STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, SEMAPHORE_ALL_ACCESS};
static const GENERIC_MAPPING ExpTimerMapping = {STANDARD_RIGHTS_READ | TIMER_QUERY_STATE,
                                                STANDARD_RIGHTS_WRITE | TIMER_MODIFY_STATE,
                                                STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, TIMER_ALL_ACCESS};

// Makes a type of nonpaged objects with these rights. DispatcherOffset -1: cannot be waited for. PASSIVE_LEVEL.
BOOLEAN ExpCreateSimpleType(PCWSTR Name, ULONG BodySize, LONG DispatcherOffset, const GENERIC_MAPPING *Mapping,
                            ACCESS_MASK AllAccess, OB_DELETE_METHOD Delete, POBJECT_TYPE *Type)
{
    OBJECT_TYPE_INITIALIZER Initializer = {.Length = sizeof(Initializer)};
    UNICODE_STRING TypeName;

    RtlInitUnicodeString(&TypeName, Name);
    Initializer.InvalidAttributes = OBJ_OPENLINK;
    Initializer.GenericMapping = *Mapping;
    Initializer.ValidAccessMask = AllAccess;
    Initializer.PoolType = NonPagedPool;
    Initializer.DefaultNonPagedPoolCharge = BodySize;
    Initializer.DispatcherOffset = DispatcherOffset;
    Initializer.DeleteProcedure = Delete;
    return NT_SUCCESS(ObCreateObjectType(&TypeName, &Initializer, NULL, Type));
}

// Makes the types Event, Mutant, Semaphore, Timer and KeyedEvent. Phase 1, PASSIVE_LEVEL.
BOOLEAN ExInitObjects(VOID)
{
    return ExpCreateSimpleType(L"Event", sizeof(KEVENT), 0, &ExpEventMapping, EVENT_ALL_ACCESS, NULL,
                               &ExEventObjectType) &&
           ExpCreateSimpleType(L"Mutant", sizeof(KMUTANT), 0, &ExpMutantMapping, MUTANT_ALL_ACCESS, ExpDeleteMutant,
                               &ExMutantObjectType) &&
           ExpCreateSimpleType(L"Semaphore", sizeof(KSEMAPHORE), 0, &ExpSemaphoreMapping, SEMAPHORE_ALL_ACCESS, NULL,
                               &ExSemaphoreObjectType) &&
           ExpCreateSimpleType(L"Timer", sizeof(ETIMER), 0, &ExpTimerMapping, TIMER_ALL_ACCESS, ExpDeleteTimer,
                               &ExTimerObjectType) &&
           ExpInitKeyedEvents();
}
