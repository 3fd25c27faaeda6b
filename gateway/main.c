/* mailreeved: reads the command line and becomes the master. */
#include <stdio.h>

int main(void)
{
	fputs("mailreeved: not built yet\n", stderr);
	return 1;
}
