// orphans COUNT: as many processes whose parents have gone, a few at a time; says "done" and stays.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 0;
    for (int i = 0; i < count; i++) {
        pid_t parent = fork();
        if (parent < 0) {
            perror("fork");
            return 1;
        }
        if (parent == 0) {
            if (fork() == 0)
                usleep(1000); // outlives its parent
            _exit(0);
        }
        waitpid(parent, NULL, 0);
    }
    puts("done");
    fflush(stdout);
    return pause();
}
