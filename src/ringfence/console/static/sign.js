// The client's own key: made or brought here, kept in this browser, never sent. It signs the words that are shown, and nothing else.
'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  const form = $('sign'), card = $('own-key');
  if (!card) return;
  const client = card.dataset.client, registered = card.dataset.registered;
  const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');

  function store(mode, act) {
    return new Promise((done, failed) => {
      const opening = indexedDB.open('ringfence', 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore('keys');
      opening.onerror = () => failed(opening.error);
      opening.onsuccess = () => {
        const asked = act(opening.result.transaction('keys', mode).objectStore('keys'));
        asked.onsuccess = () => { opening.result.close(); done(asked.result); };
        asked.onerror = () => { opening.result.close(); failed(asked.error); };
      };
    });
  }
  const kept = () => store('readonly', (keys) => keys.get(client));
  const keep = (key) => store('readwrite', (keys) => keys.put(key, client));

  async function made() {
    // The private half cannot be read out again, by nobody's script.
    const pair = await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']);
    return { private: pair.privateKey, public: hex(await crypto.subtle.exportKey('raw', pair.publicKey)) };
  }
  async function brought(file) {
    const text = (await file.text()).replace(/-----[^-]+-----/g, '').replace(/\s/g, '');
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const open = await crypto.subtle.importKey('pkcs8', bytes, 'Ed25519', true, ['sign']);
    const x = (await crypto.subtle.exportKey('jwk', open)).x.replace(/-/g, '+').replace(/_/g, '/');
    return {
      private: await crypto.subtle.importKey('pkcs8', bytes, 'Ed25519', false, ['sign']),
      public: hex(Uint8Array.from(atob(x), (letter) => letter.charCodeAt(0))),
    };
  }

  let mine = null;
  function show() {
    if (mine) $('public-key').textContent = mine.public + ' · ' + (mine.public === registered ? card.dataset.same : card.dataset.new);
    if (!form) return;
    const ready = mine && mine.public === registered;
    $('key-state').textContent = !mine ? form.dataset.none : ready ? form.dataset.ready : form.dataset.other;
    $('sign-button').disabled = !ready;
  }
  async function take(key) {
    mine = await key;
    await keep(mine);
    show();
  }
  function failed(error) {
    console.error(error);
    if (form) $('key-state').textContent = form.dataset.failed;
  }
  $('make-key').addEventListener('click', () => take(made()).catch(failed));
  $('key-file').addEventListener('change', (event) => { if (event.target.files[0]) take(brought(event.target.files[0])).catch(failed); });
  if (form) form.addEventListener('submit', (event) => {
    if (form.elements.signature.value) return;
    event.preventDefault();
    crypto.subtle.sign('Ed25519', mine.private, new TextEncoder().encode($('words').textContent)).then((signature) => {
      form.elements.public_key.value = mine.public;
      form.elements.signature.value = hex(signature);
      form.submit();
    }).catch(failed);
  });
  kept().then((key) => { mine = key || null; show(); }).catch(failed);
})();
