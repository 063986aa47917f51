import re, itertools
from functools import reduce as red
import itertools
def fib(p,q,t):
 for i in range(t):p,q=q,p+q
 return q
def vig(x,k):
 y=''
 for c in x:y+=chr((ord(c)-97+k)%26+97);k=(k+ord(c))%26
 return y
def lis(x):
 b=[1]*len(x)
 for i in range(len(x)):
  for j in range(i):
   if x[j]<x[i]:b[i]=max(b[i],b[j]+1)
 return sum(u*v for u,v in zip(b,x))
def mer(x,k):
 y=[]
 for v in x:
  if y and y[-1]+v<k:y[-1]+=v
  else:y+=[v]
 return y
def bub(x):
 y=x[:]
 for i in range(len(y)-1):
  if y[i]>y[i+1]:y[i],y[i+1]=y[i+1],y[i]
 return y
d = """QUESTION"""
x = input()
if re.search("an integer|a single integer|a whole number", d):
    x = int(x)
elif re.search("of integers|of whole numbers", d):
    x = [*map(int, x.split())]
elif "of words" in d:
    x = x.split()
T = r"""let f(n)@(lambda f:x+f(f,x%n[-1]))(lambda f,k:k+n[0]if k<3 else f(f,k//2)+f(f,k//3))
start a seq@fib(x,n[0],n[1])
call it v@x+sum((x+i*j)%n[-1]for i in range(1,n[1]+1)for j in range(i))
leave the same@red(lambda y,i:y*n[3]+n[4]if y%3==i%3 else y//2-i,range(n[1]+1),x)
, add i and@red(lambda y,i:(y*n[2]+i)%n[3],range(n[1]+1),x)
in turn: multiply@red(lambda y,i:y*n[2]+i,range(n[1]+1),x)
raise it@pow(x,*n)
multiples by@[x*i%n[2]for i in range(1,n[1]+1)]
starts with it@[x+i*n[1]for i in range(n[0])]
decimal digits@x*n[0]+sum(map(int,str(abs(x))))
exclusive@x^n[0]
after division@x*n[0]%n[3]
if it is even@x*3+n[2]if x%2 else x//2+n[0]
if it is greater@x-n[1]if x>n[0]else x*n[2]
write it in decimal and@str(x)[::-1]
write it in decimal f@str(x)+q[0]
subtract it from@n[0]-x
subtract @x-n[0]
multiply it by@x*n[0]+sum(n[1:])
add them all@sum(x)
start with k@vig(x,n[0])
for each number find@lis(x)
do this@red(lambda y,i:y[1:]+[(y[0]*n[1]+y[1])%100],range(n[0]),x)
mirrored@[a*b%n[0]for a,b in zip(x,x[::-1])]
start from@red(lambda y,v:(y*n[1]+(ord(v)if type(v)is str else v))%n[2],x,n[0])
build a new list@mer(x,n[0])
go through@bub(x)
code points of its characters, each less 96, and@sum(ord(c)-96for c in x)*n[1]
list of the code@[ord(c)-96for c in x]
for each word, the sum@[sum(ord(c)-96for c in w)for w in x]
each run@''.join(k+str(len(list(g)))for k,g in itertools.groupby(x))
build a new text@red(lambda y,c:c+y[::-1],x,'')
odd index to upper@''.join(c.upper()if i%2 else c for i,c in enumerate(x))
mirror image@''.join(a+b for a,b in zip(x,x[::-1]))
even index first@x[::2]+x[1::2]
replace each character@''.join(chr((ord(c)-97+n[1])%26+97)for c in x)
sort its@''.join(sorted(x))
remove every@''.join(c for c in x if c not in'aeiou')
first two char@''.join(w[:2]for w in x)
their last char@sorted(x,key=lambda w:(w[-1],w))
its length@len(x)if type(x)is str else[w+str(len(w))for w in x]
chr(97@''.join(chr(97+v%26)for v in x)
count the@sum(v>n[0]for v in x)
multiply the diff@(max(x)-min(x))*n[0]+len(x)
by its index@sum(i*v for i,v in enumerate(x))
list of diff@[b-a for a,b in zip(x,x[1:])]
up to and@list(itertools.accumulate(x))
keep the@[v for v in x if v%2==('odd'in s)]
joined with@q[0].join(map(str,x))
multiply each@[v*n[0]+n[1]for v in x]
move @x[(n or[1])[0]:]+x[:(n or[1])[0]]
replace every@x.replace(*q)
between all@q[0].join(x)
reverse each@[w[::-1]for w in x]
reverse@x[::-1]
write it twice@x+x
upper@x.upper()
all but@x[1:]
largest@max(x)
smallest@min(x)
take its first@x[0]
take the first@x[0]
second@x[1]
last@x[-1]
sort the list@sorted(x)
in front@q[0]+x if type(x)is str else(q or n)[:1]+x
append@x+q[0]if type(x)is str else x+(q or n)[:1]
join@''.join(q).join(x)
add@x+n[0]"""
d = d.split("\n\n", 1)[-1].split("\nInput: ")[0]
for s in re.split("; then|; after that,|, and next|\\. Then|\\. |\n", d):
    n, q = [*map(int, re.findall(r"\d+", s))], re.findall('"(.*?)"', s)
    for line in T.split("\n"):
        key, code = line.split("@")
        if key in s:
            try:
                x = eval(code)
            except Exception:
                pass
            break
print(*x) if type(x) is list else print(x)
