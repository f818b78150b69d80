#include "mmtest.h"
VOID MtDumpTags(VOID);
VOID MtDumpTags(VOID){ static SYSTEM_POOLTAG T[200]; ULONG n=ExQueryPoolTags(T,200),i; for(i=0;i<n&&i<200;i++) DbgPrint("TAG %c%c%c%c np %u (%u/%u)\n",T[i].Tag[0],T[i].Tag[1],T[i].Tag[2],T[i].Tag[3],(ULONG)T[i].NonPagedUsed,T[i].NonPagedAllocs,T[i].NonPagedFrees); DbgPrint("ENDTAGS\n"); }
