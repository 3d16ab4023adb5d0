// Opens what a link leads to, and all files at once.
const files = () => document.querySelectorAll('details.file');
const follow = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const file = target?.closest('details');
  if (!file) return;
  file.open = true;
  target.scrollIntoView();
};
addEventListener('hashchange', follow);
for (const [id, open] of [
  ['open', true],
  ['close', false],
])
  document.getElementById(id).onclick = () => {
    for (const file of files()) file.open = open;
  };
follow();
